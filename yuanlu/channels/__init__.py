"""Channels: what leaves for a provider and what is heard back. Each channel is a codec: bytes in, values out."""
