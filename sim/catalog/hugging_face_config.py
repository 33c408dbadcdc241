"""A config.json of Hugging Face, whose keys are checked as they are read and remembered.

What was never read and is not known to be free of cost is what a model may lack.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sim.errors import ScenarioError, one_line

_MOST = 10**12
_FREE = """
    architectures model_type torch_dtype dtype transformers_version auto_map _name_or_path
    bos_token_id eos_token_id pad_token_id use_cache cache_implementation tokenizer_class
    max_position_embeddings max_model_len initial_context_length rope_theta rope_scaling
    rope_parameters rope_interleave rope_local_base_freq rotary_dim partial_rotary_factor
    initializer_range rms_norm_eps layer_norm_eps hidden_act hidden_activation swiglu_limit
    attention_dropout resid_pdrop pretraining_tp query_pre_attn_scalar ep_size
    norm_topk_prob scoring_func routed_scaling_factor seq_aux aux_loss_alpha router_aux_loss_coef
    output_router_logits output_attentions output_hidden_states return_dict router_jitter_noise
    attn_temperature_tuning floor_scale attn_scale for_llm_compression quantization_config
    num_nextn_predict_layers num_mtp_modules mtp_transformer_layers mtp_num_hidden_layers use_mtp
    mtp_use_dedicated_embeddings index_share_for_mtp_iteration indexer_rope_interleave
    use_qk_norm qk_norm_type layer_types max_window_layers topk_method qk_head_dim intermediate_size
"""
"""Positions, scales, training and tokens; what only some files of an architecture need; and the
drafting of further tokens, which is left out."""
_FREE_OF_COST = frozenset(_FREE.split())
_SAYS_NOTHING: tuple[object, ...] = (None, False, 0, [], {})


@dataclass(slots=True)
class Config:
    """The keys of the text model, and where they stand."""

    keys: Mapping[str, Any]
    file: str
    _read: set[str] = field(default_factory=set)

    def count(self, *names: str, default: int | None = None) -> int:
        """A whole number under the first of these names that there is."""
        self._read.update(names)
        for name in names:
            value = self.keys.get(name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST:
                raise self.refused(name, f"{value!r:.60} is not a whole number; write one")
            return value
        if default is None:
            raise self.refused(names[0], "is missing; give it")
        return default

    def positive(self, *names: str, default: int | None = None) -> int:
        """The same above 0."""
        found = self.count(*names, default=default)
        if not found:
            raise self.refused(names[0], "0 must be above 0; change it")
        return found

    def flag(self, name: str, default: bool = False) -> bool:
        """A truth value."""
        value = self.value(name)
        if value is not None and not isinstance(value, bool):
            raise self.refused(name, f"{value!r:.60} is not one of true and false; write one")
        return default if value is None else value

    def entries(self, name: str) -> list[Any] | None:
        """A list; None where there is none."""
        value = self.value(name)
        if value is not None and not isinstance(value, list):
            raise self.refused(name, f"{value!r:.60} is not a list; write one")
        return value

    def value(self, name: str) -> Any:
        """Whatever stands there; None where nothing does."""
        self._read.add(name)
        return self.keys.get(name)

    def unread(self) -> list[str]:
        """Keys that say something which was not looked at and may cost time or memory."""
        known = self._read | _FREE_OF_COST
        return [
            name
            for name, value in self.keys.items()
            if name not in known and value not in _SAYS_NOTHING
        ]

    def refused(self, name: str, text: str) -> ScenarioError:
        """What is wrong with a key, as messages have it."""
        return ScenarioError(f"{self.file}: {one_line(name)}: {text}")
