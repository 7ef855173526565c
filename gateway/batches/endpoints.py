"""What a batch can call."""

from gateway.endpoints import CHAT, COMPLETIONS, EMBEDDINGS, RESPONSES

ENDPOINTS = {
    "/v1/chat/completions": CHAT,
    "/v1/completions": COMPLETIONS,
    "/v1/embeddings": EMBEDDINGS,
    "/v1/responses": RESPONSES,
}
