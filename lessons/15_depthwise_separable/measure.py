"""What depthwise convolutions cost in time, and what a network of them sees: python measure.py FC7.npy LITE2.npy

Writes measured.json. The two files are features of Flickr8k (MINICAP_DATA): fc7 of VGG-19, and of EfficientNet-Lite2
what its head gives, averaged over the picture. For the times weights are drawn at random: they do not matter there.
"""

import sys
import time
from pathlib import Path

import numpy as np
from solution import depthwise_conv2d as windows_at_once
from threadpoolctl import threadpool_limits

from minicap import BatchNorm2d, Conv2d, DepthwiseConv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential
from minicap.captioning.data import load_dataset
from minicap.captioning.data.shapes import ShapesDataset
from minicap.conv import conv2d
from minicap.cpu.inference import InferencePlan
from minicap.depthwise import depthwise_conv2d, depthwise_conv2d_loops
from minicap.efficientnet import efficientnet_lite
from minicap.inference import fold_batch_norm
from minicap.learn.lessons import load
from minicap.learn.measure import write
from minicap.vgg import vgg19

HERE = Path(__file__).resolve().parent
shapes, words, counting = (load(path) for path in (
    HERE.parent / "12_cnn_shapes" / "shapes.py", HERE / "words.py", HERE / "counting.py"))


def seconds_of(function, x, repeat):
    """The seconds of a core for one picture of x: the least of ``repeat`` calls, after one that does not count."""
    function(x)
    seconds = []
    for _ in range(repeat):
        begin = time.process_time()  # what other programs do meanwhile does not count
        function(x)
        seconds.append(time.process_time() - begin)
    return min(seconds) / len(x)


def layer_times():
    """{name: seconds} of the layers of one of Lite2's blocks, and of a convolution in place of both."""
    rng = np.random.default_rng(0)
    x, D, b, P, W = (rng.standard_normal(shape, dtype=np.float32) for shape in (
        (8, 17, 17, 528), (3, 3, 528), 528, (1, 1, 528, 528), (3, 3, 528, 528)))
    same = (1, 1), (1, 1)
    ways = {"numbers": (lambda x: depthwise_conv2d_loops(x, D, b, 1, same), 1),
            "windows": (lambda x: windows_at_once(x, D, b, 1, same), 10),
            "shifted": (lambda x: depthwise_conv2d.plain(x, D, b, 1, same), 40),
            "depthwise": (lambda x: depthwise_conv2d(x, D, b, 1, same), 40),
            "pointwise": (lambda x: conv2d(x, P, b), 40), "whole": (lambda x: conv2d(x, W, b, P=1), 20)}
    return {name: seconds_of(way, x, repeat) for name, (way, repeat) in ways.items()}


def network_times():
    """{name: seconds} of VGG-19 up to fc7, and of Lite2."""
    rng, found = np.random.default_rng(0), {}
    for name, network, side in (("vgg", vgg19(rng=rng).up_to("relu7"), 224),
                                ("lite2", fold_batch_norm(efficientnet_lite(2, rng=rng)), 260)):
        found[name] = seconds_of(InferencePlan(network), rng.standard_normal((8, side, side, 3), dtype=np.float32), 8)
    return found


def convolution(C, F, rng):
    return [Conv2d(C, F, padding=1, rng=rng), BatchNorm2d(F), ReLU()]


def separable(C, F, rng):
    return [DepthwiseConv2d(C, padding=1, rng=rng), BatchNorm2d(C), ReLU(), Conv2d(C, F, 1, rng=rng), BatchNorm2d(F),
            ReLU()]


def second_half(kind, rng):
    """(layers between the two poolings of lesson 12's network, channels they end with)"""
    if kind == "whole":
        return convolution(8, 16, rng), 16
    if kind == "same":
        return separable(8, 16, rng), 16
    return [*separable(8, 24, rng), *separable(24, 24, rng)], 24


def small_networks(seeds=20):
    """{kind: (multiplications, share of right answers on new pictures for each seed)}"""
    data, found = ShapesDataset(train=300, dev=0, test=500, side=48), {}
    for kind in ("whole", "same", "deeper"):
        right = []
        for seed in range(seeds):
            rng = np.random.default_rng(seed)
            x, targets = shapes.windows(data, "train", rng)
            new, truth = shapes.windows(data, "test", rng)
            middle, channels = second_half(kind, rng)
            network = Sequential(*convolution(3, 8, rng), MaxPool2d(2), *middle, MaxPool2d(2), Flatten(),
                                 Linear(36 * channels, 6, rng=rng))
            shapes.train(network, x, targets, rng)
            right.append((network(new).argmax(axis=1) == truth).mean())
        found[kind] = counting.count(network, 24)[0].total(), 100 * np.array(right)
    return found


if len(sys.argv) != 3:
    sys.exit("python measure.py FC7.npy LITE2.npy")
dataset = load_dataset("flickr8k")
fc7, lite2 = (words.predicted(path, dataset) for path in sys.argv[1:])
with threadpool_limits(1):
    times, networks = layer_times(), network_times()
    small = small_networks()
there = np.isfinite(fc7)
gain = small["deeper"][1] - small["whole"][1]
write(__file__, numbers_s=f"{times['numbers']:.1f}",
      **{f"{name}_ms": f"{1e3 * seconds:.1f}" for name, seconds in times.items() if name != "numbers"},
      layer_times=f"{times['whole'] / (times['depthwise'] + times['pointwise']):.1f}",
      vgg_ms=f"{1e3 * networks['vgg']:.0f}", lite2_ms=f"{1e3 * networks['lite2']:.0f}",
      network_times=f"{networks['vgg'] / networks['lite2']:.1f}",
      words=f"{there.sum()}", fc7=f"{100 * np.nanmean(fc7):.1f}", lite2=f"{100 * np.nanmean(lite2):.1f}",
      chance=f"{100 * words.chance(dataset):.1f}", better=f"{(lite2 > fc7)[there].sum()}",
      **{f"{kind}_multiplications": f"{number:,}" for kind, (number, _) in small.items()},
      **{f"{kind}_right": f"{right.mean():.1f}" for kind, (_, right) in small.items()},
      gain=f"{gain.mean():.1f}", error=f"{gain.std(ddof=1) / len(gain)**0.5:.1f}")
