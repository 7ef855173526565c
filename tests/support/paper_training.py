"""A training of paper: works through the dataset as the dry recipe does, and leaves an adapter."""

import hashlib
import json
import os

from studio.payload import dry
from trainer.orders import Order

WEIGHTS = b"what was learnt"


def main():
    """Leave what a training leaves."""
    order = Order.read(os.environ)
    dry.run(order)
    adapter = order.output / "adapter"
    adapter.mkdir(exist_ok=True)
    (adapter / "adapter_model.safetensors").write_bytes(WEIGHTS)
    manifest = order.output / "manifest.json"
    facts = json.loads(manifest.read_text())
    entry = {"path": "adapter/adapter_model.safetensors", "bytes": len(WEIGHTS)}
    entry["sha256"] = hashlib.sha256(WEIGHTS).hexdigest()
    facts |= {"learnt": "adapter", "files": [*facts["files"], entry]}
    manifest.write_text(json.dumps(facts))


if __name__ == "__main__":
    main()
