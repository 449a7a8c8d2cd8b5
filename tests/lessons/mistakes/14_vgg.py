"""Mistakes people make in lesson 14, and how each has to be named."""

# expects: 14.1: everything is a W
DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}


def our_name(name):
    layer, kind = name.split("/")
    if layer in DENSE:
        return DENSE[layer] + ".W"
    return f"conv{layer[5]}_{layer[-1]}.W"


# expects: 14.1: the dense layers keep their names
def our_name(name):
    name = name.replace("block", "conv").replace("_conv", "_")
    return name.replace("/kernel", ".W").replace("/bias", ".b")


# expects: 14.1: kernel and bias keep their names
DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}


def our_name(name):
    layer, kind = name.split("/")
    if layer in DENSE:
        return f"{DENSE[layer]}.{kind}"
    return f"conv{layer[5]}_{layer[-1]}.{kind}"


# expects: 14.1: the block is missing
DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}


def our_name(name):
    layer, kind = name.split("/")
    layer = DENSE.get(layer, layer.split("_")[-1])
    return layer + (".W" if kind == "kernel" else ".b")


# expects: 14.1: nothing is returned
def our_name(name):
    layer, kind = name.split("/")
    layer = layer.replace("block", "conv").replace("_conv", "_")
    if layer.startswith("fc"):
        layer = f"fc{int(layer[2:]) + 5}"
    name = layer + "." + kind


# expects: 14.1: the dense layers are one too high
def our_name(name):
    layer, kind = name.split("/")
    if layer.startswith("block"):
        layer = "conv" + layer[5] + "_" + layer[-1]
    elif layer == "predictions":
        layer = "fc9"
    else:
        layer = "fc" + str(int(layer[2]) + 6)
    return layer + "." + {"kernel": "W", "bias": "b"}[kind]


# expects: 14.1: predictions is not translated
def our_name(name):
    name = name.replace("block", "conv").replace("_conv", "_").replace("fc1", "fc6").replace("fc2", "fc7")
    return name.replace("/kernel", ".W").replace("/bias", ".b")


# expects: 14.1: the slash is still there
def our_name(name):
    for theirs, ours in (("block", "conv"), ("_conv", "_"), ("fc1", "fc6"), ("fc2", "fc7"), ("predictions", "fc8"),
                         ("kernel", "W"), ("bias", "b")):
        name = name.replace(theirs, ours)
    return name


# expects: 14.1: block and number changed places
DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}


def our_name(name):
    layer, kind = name.split("/")
    found = re.match(r"block(\d)_conv(\d)", layer)
    layer = f"conv{found[2]}_{found[1]}" if found else DENSE[layer]
    return layer + (".W" if kind == "kernel" else ".b")


# expects: 14.1: the names come back as they are
def our_name(name):
    name.replace("block", "conv").replace("/", ".")
    return name


# expects: 14.1: None
DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}


def our_name(name):
    layer, kind = name.split("/")
    layer = DENSE.get(layer, "conv" + layer[5] + "." + layer[-1])
    return layer + (".W" if kind == "kernel" else ".b")


# expects: 14.2: rows and columns of the window changed places
DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}


def conv_from_torch(W):
    return W.T


# expects: 14.2: C and F changed places
DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}


def conv_from_torch(W):
    return np.moveaxis(W, (2, 3), (0, 1))


# expects: 14.2: only F moved
DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}


def conv_from_torch(W):
    return np.moveaxis(W, 0, 3)


# expects: 14.2: reshaped instead of transposed
DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}


def conv_from_torch(W):
    F, C, K, K = W.shape
    return W.reshape(K, K, C, F)


# expects: 14.2: the window is turned round
DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}


def conv_from_torch(W):
    return W.transpose(2, 3, 1, 0)[::-1, ::-1]


# expects: 14.2: it is returned as it was
DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}


def conv_from_torch(W):
    W.transpose(2, 3, 1, 0)
    return W


# expects: 14.2: None
DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}


def conv_from_torch(W):
    return W.transpose(2, 3, 1, 0)[:, ::-1]


# expects: 14.3: reshaped before F was out of the way
DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}


def fc6_from_torch(W, pool5):
    H, Wd, C = pool5
    W = W.reshape(C, H, Wd, -1)
    return W.transpose(1, 2, 0, 3).reshape(H * Wd * C, -1)


# expects: 14.3: only transposed
DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}


def fc6_from_torch(W, pool5):
    return W.T


# expects: 14.3: the result is not transposed
DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}


def fc6_from_torch(W, pool5):
    H, Wd, C = pool5
    return W.reshape(-1, C, H, Wd).transpose(0, 2, 3, 1).reshape(-1, H * Wd * C)


# expects: 14.3: from our order to theirs
DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}


def fc6_from_torch(W, pool5):
    H, Wd, C = pool5
    return W.T.reshape(H, Wd, C, -1).transpose(2, 0, 1, 3).reshape(H * Wd * C, -1)


# expects: 14.3: only transposed
DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}


def fc6_from_torch(W, pool5):
    H, Wd, C = pool5
    return W.reshape(len(W), H, Wd, C).transpose(1, 2, 3, 0).reshape(H * Wd * C, -1)


# expects: 14.3: reshaped instead of transposed
DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}


def fc6_from_torch(W, pool5):
    return W.reshape(W.shape[1], W.shape[0])


# expects: 14.3: rows and columns changed places
DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}


def fc6_from_torch(W, pool5):
    H, Wd, C = pool5
    return W.reshape(-1, C, H, Wd).T.reshape(H * Wd * C, -1)


# expects: 14.3: rows and columns changed places
DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}


def fc6_from_torch(W, pool5):
    H, Wd, C = pool5
    return W.reshape(-1, C, Wd, H).transpose(3, 2, 1, 0).reshape(H * Wd * C, -1)


# expects: 14.3: it is returned as it was
DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}


def fc6_from_torch(W, pool5):
    H, Wd, C = pool5
    return W.reshape(-1, H, Wd, C).reshape(W.shape)


# expects: 14.3: None
DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}


def fc6_from_torch(W, pool5):
    H, Wd, C = pool5
    return W.reshape(-1, C, H, Wd).transpose(2, 3, 0, 1).reshape(H * Wd * C, -1)


# expects: 14.4: always turned round
DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}


def preprocess(images, order, scale, mean, std):
    images = images[..., ::-1]
    return (images / scale - np.array(mean)) / np.array(std)


# expects: 14.4: the batch is turned round
DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}


def preprocess(images, order, scale, mean, std):
    if order == "BGR":
        images = images[::-1]
    return (images / scale - np.array(mean)) / np.array(std)


# expects: 14.4: integers instead of floats
DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}


def preprocess(images, order, scale, mean, std):
    if order == "BGR":
        images = images[..., ::-1]
    y = (images / scale - np.array(mean)) / np.array(std)
    return y.astype(np.uint8)


# expects: 14.4: mean and std of other channels
DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}


def preprocess(images, order, scale, mean, std):
    y = (images / scale - np.array(mean)) / np.array(std)
    return y[..., ::-1] if order == "BGR" else y


# expects: 14.4: every axis is turned round
DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}


def preprocess(images, order, scale, mean, std):
    if order == "BGR":
        images = np.flip(images)
    return (images / scale - np.array(mean)) / np.array(std)


# expects: 14.4: the picture stands on its head
DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}


def preprocess(images, order, scale, mean, std):
    if order == "BGR":
        images = images[:, ::-1]
    return (images / scale - np.array(mean)) / np.array(std)


# expects: 14.4: an input is changed in place
DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}


def preprocess(images, order, scale, mean, std):
    if order == "BGR":
        images[...] = images[..., ::-1].copy()
    return (images / scale - np.array(mean)) / np.array(std)


# expects: 14.4: the mean before the scale
DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}


def preprocess(images, order, scale, mean, std):
    if order == "BGR":
        images = images[..., ::-1]
    images = images - np.array(mean)
    return images / scale / np.array(std)


# expects: 14.4: the mean is turned round instead
DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}


def preprocess(images, order, scale, mean, std):
    if order == "BGR":
        mean, std = mean[::-1], std[::-1]
    return (images / scale - np.array(mean)) / np.array(std)


# expects: 14.4: mean and std of other channels
DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}


def preprocess(images, order, scale, mean, std):
    if order == "BGR":
        images, mean, std = images[..., ::-1], mean[::-1], std[::-1]
    return (images / scale - np.array(mean)) / np.array(std)


# expects: 14.4: the picture is mirrored
DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}


def preprocess(images, order, scale, mean, std):
    if order == "BGR":
        images = images[:, :, ::-1]
    return (images / scale - np.array(mean)) / np.array(std)


# expects: 14.4: the channels are not turned round
DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}


def preprocess(images, order, scale, mean, std):
    return (images / scale - np.array(mean)) / np.array(std)


# expects: 14.4: the mean is not subtracted
DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}


def preprocess(images, order, scale, mean, std):
    if order == "BGR":
        images = images[..., ::-1]
    return images / scale / np.array(std)


# expects: 14.4: not divided by scale
DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}


def preprocess(images, order, scale, mean, std):
    if order == "BGR":
        images = images[..., ::-1]
    return (images - np.array(mean)) / np.array(std)


# expects: 14.4: not divided by std
DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}


def preprocess(images, order, scale, mean, std):
    if order == "BGR":
        images = images[..., ::-1]
    return images / scale - np.array(mean)


# expects: 14.4: only the mean is turned round, too
DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}


def preprocess(images, order, scale, mean, std):
    if order == "BGR":
        images, mean = images[..., ::-1], mean[::-1]
    return (images / scale - np.array(mean)) / np.array(std)


# expects: 14.4: only the mean is divided by std
DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}


def preprocess(images, order, scale, mean, std):
    if order == "BGR":
        images = images[..., ::-1]
    return images / scale - np.array(mean) / np.array(std)


# expects: 14.4: the mean is added
DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}


def preprocess(images, order, scale, mean, std):
    if order == "BGR":
        images = images[..., ::-1]
    return (images / scale + np.array(mean)) / np.array(std)


# expects: 14.4: multiplied by std
DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}


def preprocess(images, order, scale, mean, std):
    if order == "BGR":
        images = images[..., ::-1]
    return (images / scale - np.array(mean)) * np.array(std)


# expects: 14.4: None
DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}


def preprocess(images, order, scale, mean, std):
    if order == "BGR":
        images = images[..., ::-1]
    x = images / scale
    return (x - x.mean(axis=(0, 1, 2))) / np.array(std)


# expects: 14.4: divided by scale as a whole number
DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}


def preprocess(images, order, scale, mean, std):
    if order == "BGR":
        images = images[..., ::-1]
    return (images // scale - np.array(mean)) / np.array(std)
