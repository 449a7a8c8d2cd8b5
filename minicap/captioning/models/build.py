"""From settings to a model."""

import numpy as np

from ...errors import UserError
from ...initializers import Rng
from ...layer import Layer, Parameter
from .fine_tune import FineTuned
from .settings import ShowAttendTellSettings, ShowTellSettings
from .show_attend_tell import ShowAttendTell
from .show_tell import ShowTell

MODELS = {"show-tell": ShowTell, "attend": ShowAttendTell}


def build_model(settings: ShowTellSettings | ShowAttendTellSettings, rng: Rng,
                log_frequencies: np.ndarray | None = None) -> ShowTell | ShowAttendTell | FineTuned:
    """The model described by ``settings`` (settings.py), with weights initialised from ``rng``; None gives zeros.

    All its dropout layers share a separate generator. ``log_frequencies`` (V,) is the initial bias of the output.
    UserError if there is no such model.
    """
    dropout_rng = (rng or np.random.default_rng(0)).spawn(1)[0]
    try:
        model = MODELS[settings.kind](settings, rng=rng, dropout_rng=dropout_rng, log_frequencies=log_frequencies)
        return model if settings.finetune is None else FineTuned(settings.finetune, model)
    except (TypeError, ValueError, LookupError, ArithmeticError, MemoryError) as error:
        raise UserError(f"no model can be built with {settings}, or only on a larger machine ({error})") from error


def word_embedding(model: Layer) -> Parameter:
    """The Parameter (V, E) of a model with the vectors of its words."""
    (W,) = (p for name, p in model.named_parameters() if f".{name}".endswith(".embedding.W"))
    return W
