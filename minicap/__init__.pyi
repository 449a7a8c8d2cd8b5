"""What type checkers and editors see of the names that __init__.py imports when they are first used."""

from .activations import Dropout as Dropout
from .activations import ReLU as ReLU
from .activations import ReLU6 as ReLU6
from .activations import Sigmoid as Sigmoid
from .activations import Tanh as Tanh
from .backend import array_module as array_module
from .backend import get_device as get_device
from .backend import to_numpy as to_numpy
from .captioning.captioner import Captioner as Captioner
from .captioning.ensemble import with_mirror as with_mirror
from .conv import Conv2d as Conv2d
from .depthwise import DepthwiseConv2d as DepthwiseConv2d
from .efficientnet import efficientnet_lite as efficientnet_lite
from .errors import UserError as UserError
from .gradcheck import assert_gradients as assert_gradients
from .gradcheck import check_gradients as check_gradients
from .gradcheck_layers import check_layers as check_layers
from .layer import Buffer as Buffer
from .layer import Cache as Cache
from .layer import Layer as Layer
from .layer import Parameter as Parameter
from .layer import Residual as Residual
from .layer import Sequential as Sequential
from .linear import Embedding as Embedding
from .linear import Flatten as Flatten
from .linear import Linear as Linear
from .losses import SoftmaxCrossEntropy as SoftmaxCrossEntropy
from .normalization import BatchNorm2d as BatchNorm2d
from .normalization import L2Normalize as L2Normalize
from .optim import SGD as SGD
from .optim import Adam as Adam
from .optim import RMSProp as RMSProp
from .optim import clip_gradients as clip_gradients
from .pooling import AvgPool2d as AvgPool2d
from .pooling import MaxPool2d as MaxPool2d
from .recurrent import LSTM as LSTM
from .recurrent import LSTMCell as LSTMCell
from .vgg import vgg11 as vgg11
from .vgg import vgg13 as vgg13
from .vgg import vgg16 as vgg16
from .vgg import vgg19 as vgg19
from .weights import read_weights as read_weights

__all__: list[str]
__version__: str
