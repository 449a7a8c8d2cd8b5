"""Many pictures through a frozen network: the device decides how."""

from .cpu.inference import InferencePlan


def inference(model, device):
    """``model`` (a Sequential) made ready for inference on ``device``: x -> y, equal to ``model(x)`` up to rounding.

    On the CPU a plan with prepared kernels, which is to be thrown away when the weights change; on a GPU the layers
    themselves, moved there.
    """
    return InferencePlan(model) if device.name == "cpu" else model.to(device)
