"""Architectures of Hugging Face with latent attention, each as keys of a ModelSpec."""

from sim.catalog.hugging_face_config import Config
from sim.catalog.hugging_face_parts import Keys, expert_groups, latent, routed


def deepseek_v2(config: Config) -> Keys:
    """DeepSeek V2."""
    layers, every = (
        config.positive("num_hidden_layers"),
        config.positive("moe_layer_freq", default=1),
    )
    first = config.count("first_k_dense_replace", default=0)
    numbers = [one for one in range(first, layers) if one % every == 0]
    experts = routed(config, numbers, config.positive("moe_intermediate_size"))
    if experts and config.value("topk_method") != "greedy":
        experts |= expert_groups(config)
    return {
        "attention": latent(config),
        "intermediate_size": config.positive("intermediate_size"),
        "experts": experts,
    }


def deepseek_v3(config: Config) -> Keys:
    """DeepSeek V3 and Kimi K2."""
    keys = deepseek_v2(config)
    return keys | {"experts": keys["experts"] and keys["experts"] | {"router_bias": True}}


def deepseek_v32(config: Config) -> Keys:
    """DeepSeek V3.2 and GLM-5: an indexer chooses what is attended to."""
    keys = deepseek_v3(config)
    sparse = {
        "tokens": config.positive("index_topk"),
        "heads": config.positive("index_n_heads"),
        "head_size": config.positive("index_head_dim"),
    }
    return keys | {"attention": keys["attention"] | {"sparse": sparse}}
