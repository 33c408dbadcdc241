"""Parts that many architectures of Hugging Face share, as keys of a ModelSpec."""

from collections.abc import Iterable
from typing import Any

from sim.catalog.hugging_face_config import Config

Keys = dict[str, Any]

_MOST_LAYERS = 100_000


def common(config: Config, *, tied: bool = False) -> Keys:
    """What every model has; `tied` where the file does not say."""
    layers = config.positive("num_hidden_layers")
    if layers > _MOST_LAYERS:
        raise config.refused("num_hidden_layers", f"{layers} is above {_MOST_LAYERS}; write fewer")
    return {
        "layers": layers,
        "hidden_size": config.positive("hidden_size"),
        "vocabulary": config.positive("vocab_size"),
        "tied_embeddings": config.flag("tie_word_embeddings", tied),
    }


def grouped(config: Config, **more: Any) -> Keys:
    """Attention in groups, with what the architecture says of its norms and biases."""
    heads = config.positive("num_attention_heads")
    size = config.count("head_dim", default=config.positive("hidden_size") // heads)
    return {
        "kind": "gqa",
        "heads": heads,
        "kv_heads": config.positive("num_key_value_heads", default=heads),
        "head_size": size,
        **more,
    }


def latent(config: Config) -> Keys:
    """Latent attention."""
    # Their files count each head's keys and values, and have no use for the size of a head.
    config.value("num_key_value_heads"), config.value("head_dim")
    return {
        "kind": "mla",
        "heads": config.positive("num_attention_heads"),
        "query_rank": config.count("q_lora_rank", default=0) or None,
        "kv_rank": config.positive("kv_lora_rank"),
        "nope_size": config.positive("qk_nope_head_dim"),
        "rope_size": config.positive("qk_rope_head_dim"),
        "value_size": config.positive("v_head_dim"),
    }


def window(
    config: Config, *, is_used: bool = True, windowed_layers: int | None = None
) -> Keys | None:
    """Of sliding layers: those that `layer_types` lists, else so many, else all of them."""
    tokens = config.count("sliding_window", default=0)
    layers = config.positive("num_hidden_layers")
    if windowed_layers is None:
        windowed_layers = max(0, layers - config.count("max_window_layers", default=0))
    windowed_layers = listed(config, "sliding_attention", windowed_layers)
    return windowed("sliding", tokens if is_used else 0, windowed_layers)


def windowed(kind: str, tokens: int, layers: int) -> Keys | None:
    """A window, where there is any."""
    return {"kind": kind, "tokens": tokens, "layers": layers} if tokens and layers else None


def listed(config: Config, kind: str, otherwise: int) -> int:
    """How many of the layers `layer_types` says to be of this kind."""
    types = config.entries("layer_types")
    if types is None:
        return otherwise
    layers = config.positive("num_hidden_layers")
    if len(types) != layers:
        raise config.refused(
            "layer_types",
            f"{len(types)} entries for num_hidden_layers = {layers}; give one each",
        )
    strange = [one for one in types if one not in (kind, "full_attention")]
    if strange:
        raise config.refused("layer_types", f"{strange[0]!r:.60} is not modelled here")
    return types.count(kind)


def routed(config: Config, numbers: Iterable[Any], intermediate_size: int) -> Keys | None:
    """Experts in the layers of these numbers; None where there are none."""
    layers, found = config.positive("num_hidden_layers"), list(numbers)
    if not found:
        return None
    are_numbers = all(type(one) is int for one in found)
    every = found[1] - found[0] if are_numbers and len(found) > 1 else 1
    first = found[0] - every + 1 if are_numbers else -1
    if every < 1 or first < 0 or found != list(range(found[0], layers, every)):
        raise config.refused(
            "num_hidden_layers", "the layers with experts follow no pattern that is modelled"
        )
    return {
        "experts": config.positive(
            "n_routed_experts", "num_local_experts", "num_experts", "moe_num_experts"
        ),
        "experts_per_token": config.positive(
            "num_experts_per_tok", "experts_per_token", "num_experts_per_token", "moe_k"
        ),
        "intermediate_size": intermediate_size,
        "shared_experts": config.count(
            "n_shared_experts", "num_shared_experts", "moe_num_shared_experts", default=0
        ),
        "first_dense_layers": first,
        "every": every,
    }


def expert_groups(config: Config) -> Keys:
    """Of routers that choose groups of experts first."""
    groups = config.count("n_group", default=1) or 1
    chosen = config.count("topk_group", default=groups) or groups
    return {"expert_groups": groups, "groups_per_token": chosen}
