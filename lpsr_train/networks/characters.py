"""What a reader's characters learn from each other and from the whole plate, once each has been found."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """What each query finds: [N, heads, K, c], [N, heads, L, c], [N, heads, L, c] -> [N, K, heads x c].

    Written out: at so few positions this is faster than the fused kernel, on the CPU far so.
    """
    batch, heads, count, width = query.shape
    scores = torch.matmul(query * width**-0.5, key.transpose(-1, -2))
    mixed = torch.matmul(scores.softmax(dim=-1), value)
    return mixed.transpose(1, 2).reshape(batch, count, heads * width)


class Attention(nn.Module):
    """Multi-head attention; the number of heads divides the channels of queries and of what they look at."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(channels, channels)
        self.key_value = nn.Linear(channels, 2 * channels)
        self.merge = nn.Linear(channels, channels)

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        """[N, K, C] looking at [N, L, C] -> [N, K, C]."""
        batch, count, channels = x.shape
        width = channels // self.heads
        query = self.query(x).reshape(batch, count, self.heads, width).transpose(1, 2)
        parts = self.key_value(seen).reshape(batch, seen.shape[1], 2, self.heads, width).permute(2, 0, 3, 1, 4)
        key, value = parts.unbind(0)
        return self.merge(attend(query, key, value))


class CharacterLayer(nn.Module):
    """A transformer decoder's layer over the seven characters; GP_LPR has none.

    Under blur a character is mixed with its neighbours, so who they are tells about it; and one map a character
    averages over what several heads tell apart. Seven queries cost next to nothing. The layer starts as the
    identity, so that a trained reader can be given more of them.
    """

    starts_as_identity = True

    def __init__(self, channels: int, heads: int, inner: int) -> None:
        super().__init__()
        self.norm_mutual, self.norm_look, self.norm_feed = (nn.LayerNorm(channels) for _ in range(3))
        self.mutual = Attention(channels, heads)
        self.look = Attention(channels, heads)
        self.expand = nn.Linear(channels, inner)
        self.contract = nn.Linear(inner, channels)
        for last in (self.mutual.merge, self.look.merge, self.contract):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def forward(self, characters: Tensor, plate: Tensor) -> Tensor:
        """[N, 7, C] and all positions' features [N, L, C] -> [N, 7, C]."""
        normed = self.norm_mutual(characters)
        characters = characters + self.mutual(normed, normed)
        characters = characters + self.look(self.norm_look(characters), plate)
        return characters + self.contract(torch.relu(self.expand(self.norm_feed(characters))))
