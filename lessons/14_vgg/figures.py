"""The figure of lesson 14: VGG-16 block by block, and where its weights and multiplications are. Writes vgg16.svg."""

import matplotlib

from minicap.vgg import CHANNELS, CONVOLUTIONS, DENSE

matplotlib.use("Agg")
matplotlib.rcParams.update({"font.size": 11, "svg.hashsalt": "minicap"})

import matplotlib.pyplot as plt  # noqa: E402

names, sizes, weights, multiplications = [], [], [], []
size, C = 224, 3
for block, (count, F) in enumerate(zip(CONVOLUTIONS[16], CHANNELS, strict=True), start=1):
    names.append(f"block {block}\n{count} × conv")
    sizes.append((size, F))
    weights.append(sum(9 * c * F + F for c in [C] + [F] * (count - 1)))
    multiplications.append(size * size * sum(9 * c * F for c in [C] + [F] * (count - 1)))
    size, C = size // 2, F
for name, (D, H) in DENSE.items():
    names.append(f"{name}\ndense")
    sizes.append((1, H))
    weights.append(D * H + H)
    multiplications.append(D * H)

fig, (boxes, bars) = plt.subplots(2, 1, figsize=(8.6, 5.6), sharex=True, height_ratios=(1.15, 1))
for i, (side, channels) in enumerate(sizes):
    height = side / 224 if side > 1 else 0.03
    width = 0.12 + 0.3 * channels / 512 if side > 1 else {4096: 0.72, 1000: 0.3}[channels]
    boxes.add_patch(plt.Rectangle((i - width / 2, 0.5 - height / 2), width, height, facecolor="#a8c8e8",
                                  edgecolor="#2a5a8a"))
    label = f"{side} × {side}\n× {channels}" if side > 1 else f"{channels}"
    boxes.text(i, 0.5 + height / 2 + 0.03, label, ha="center", va="bottom", fontsize=10)
boxes.set(ylim=(-0.05, 1.28), xlim=(-0.6, 7.6))
boxes.axis("off")

for shift, values, colour, label in ((-0.2, multiplications, "#d98a3d", "multiplications"),
                                     (0.2, weights, "#4a7a4a", "weights")):
    shares = [100 * value / sum(values) for value in values]
    bars.bar([i + shift for i in range(8)], shares, 0.38, color=colour, label=label)
    for i, share in enumerate(shares):
        bars.text(i + shift, share + 1.5, f"{share:.0f}" if share >= 0.5 else "0", ha="center", fontsize=9)
bars.set(xticks=range(8), xticklabels=names, ylabel="% of all", ylim=(0, 88))
bars.legend(frameon=False, loc="upper left")
bars.spines[["top", "right"]].set_visible(False)
fig.tight_layout()
fig.savefig("vgg16.svg", metadata={"Date": None})
