"""What a type checker knows, and says in its words; `array` stands for those of an array of any shape and type."""

from typing import reveal_type

from script import beams, cache, caption, captioner, dlogits, loss, model, norm, report, rng

import minicap
from minicap.captioning.data import load_dataset
from minicap.captioning.models.settings import ShowAttendTellSettings
from minicap.captioning.models.show_attend_tell import ShowAttendTell
from minicap.captioning.text.batches import CaptionBatches
from minicap.captioning.text.vocabulary import Vocabulary

reveal_type(caption)  # str
reveal_type(beams)  # list[list[tuple[str, float]]]
reveal_type(captioner)  # minicap.captioning.captioner.Captioner
reveal_type(captioner.attention_maps(dlogits, caption))  # tuple[array, array]
reveal_type(loss)  # array
reveal_type(norm)  # array
reveal_type(report.ok)  # bool
reveal_type(model)  # minicap.layer.Sequential
reveal_type(model(dlogits))  # array
reveal_type(cache.caches)  # Any
reveal_type(cache.nbytes)  # int
reveal_type(minicap.Linear(3, 4, rng=None)(dlogits))  # array
reveal_type(minicap.Linear(3, 4, rng=None).W.data)  # array
reveal_type(minicap.Linear(3, 4, rng=None).W.grad)  # array | None
reveal_type(minicap.LSTM(3, 4, rng=None)(dlogits))  # tuple[array, array, array]
reveal_type(minicap.LSTMCell(3, 4, rng=None)(dlogits, loss, norm))  # tuple[array, array]
reveal_type(minicap.vgg19("vgg19.h5"))  # minicap.vgg.VGG
reveal_type(minicap.vgg19().up_to("relu7")(dlogits))  # array
reveal_type(minicap.efficientnet_lite(2).preprocessing(dlogits))  # array
reveal_type(minicap.read_weights("vgg19.h5").tensors)  # dict[str, array]
reveal_type(minicap.get_device("cpu"))  # minicap.backend.Device
reveal_type(minicap.to_numpy(dlogits))  # array

vocabulary = Vocabulary.from_captions([["a", "dog"]], min_count=1)
attend = ShowAttendTell(ShowAttendTellSettings(vocabulary=6, feature_size=4), rng=None, dropout_rng=None)
for batch in CaptionBatches([(0, vocabulary.encode(["a", "dog"]))], batch_size=1, rng=rng):
    reveal_type(batch)  # minicap.captioning.text.batches.CaptionBatch
    reveal_type(attend.forward(dlogits, batch.image_index, batch.tokens, batch.targets, batch.lengths)[0])  # array
reveal_type(attend.step(attend.start(dlogits), batch.tokens)[0])  # minicap.captioning.models.state.DecoderState
reveal_type(vocabulary.decode([4, 2]))  # str
reveal_type(load_dataset("folder", "photos").image("1.jpg"))  # array
