"""What a batch can call."""

from gateway.inference import CHAT, COMPLETIONS, EMBEDDINGS

ENDPOINTS = {
    "/v1/chat/completions": CHAT,
    "/v1/completions": COMPLETIONS,
    "/v1/embeddings": EMBEDDINGS,
}
