"""Lesson 12, solved."""

from minicap import Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential


def make_cnn(side, classes, rng):
    return Sequential(
        conv1=Conv2d(3, 8, 3, padding=1, input_gradient=False, rng=rng), relu1=ReLU(), pool1=MaxPool2d(2),
        conv2=Conv2d(8, 16, 3, padding=1, rng=rng), relu2=ReLU(), pool2=MaxPool2d(2),
        flatten=Flatten(), linear=Linear((side // 4)**2 * 16, classes, rng=rng))


def count_parameters(net):
    return sum(parameter.data.size for _, parameter in net.named_parameters())


def training_step(net, loss, optimizer, x, targets):
    logits, cache = net.forward(x)
    value, loss_cache = loss.forward(logits, targets)
    dlogits, _ = loss.backward(1.0, loss_cache)
    net.backward(dlogits, cache)
    optimizer.step()
    net.zero_grad()
    return float(value)
