#!/bin/sh
# Install a CPU build of torch into the environment whose python is given, or stop.
#
# An index serves the CUDA build by default on some platforms: gigabytes that a test on two cores
# never uses. So the candidate's own list of requirements is read first, before any download of
# them, and a CUDA build is refused. TORCH names another file or release to take.
set -eu

python="$1"
torch="${TORCH:-torch==2.13.0}"

if "$python" -c 'import torch' 2>/dev/null; then
    exit 0
fi

needs="$("$python" -m pip install --quiet --dry-run --no-deps --ignore-installed --report - "$torch" |
    "$python" -c 'import json, sys
for item in json.load(sys.stdin)["install"]:
    print("\n".join(item["metadata"].get("requires_dist", [])))')"

case "$needs" in
*nvidia* | *cuda* | *triton*)
    echo "trainer/torch.sh: $torch is a CUDA build here; set TORCH to the file or address of a CPU build." >&2
    exit 1
    ;;
esac

exec "$python" -m pip install --quiet --no-deps "$torch"
