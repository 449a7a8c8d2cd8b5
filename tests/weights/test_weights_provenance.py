"""What weights expect of pictures: found out from kernels, checksums and names, or said by the user; turned kernels."""

import hashlib

import h5py
import numpy as np
import pytest
import tiny_vgg
from safetensors.numpy import save_file

from minicap import vgg as vgg_module
from minicap import weights
from minicap.backend import CPU
from minicap.captioning.features.extractor import Extractor
from minicap.cli import run_program
from minicap.errors import UserError
from minicap.vgg import vgg, vgg19
from minicap.weights import provenance
from minicap.weights.oxford import KERNELS, OXFORD, origin
from minicap.weights.preprocessing import CAFFE, CAFFE_RGB, CONVENTIONS, TF, TORCHVISION, Preprocessing
from minicap.weights.refusal import RefusalError

STD = np.array([0.229, 0.224, 0.225], np.float32)[:, None]
# From Oxford's kernels, which read blue, green and red from 0 to 255, to those of the same network for other inputs.
CONVERSIONS = {"caffe-bgr": lambda W: W, "caffe-rgb": lambda W: W[:, :, ::-1],
               "torchvision": lambda W: W[:, :, ::-1] * 255 * STD, "tf": lambda W: W[:, :, ::-1] * 127.5}


@pytest.fixture
def oxford(monkeypatch, rng):
    """A small VGG-11 with as many first kernels as the real one, eight of which are Oxford's."""
    tiny_vgg.shrink(monkeypatch, size=32)
    monkeypatch.setattr(vgg_module, "CHANNELS", (64, *tiny_vgg.CHANNELS[1:]))
    model = tiny_vgg.random_vgg(11, rng, top=False)
    model["conv1_1"].W.data[..., list(KERNELS)] = OXFORD
    return model


def save_torch(path, model, conversion=None):
    """Under torchvision's names, with the first kernels converted to another input."""
    state = model.state()
    if conversion is not None:
        W = state["conv1_1.W"]
        state["conv1_1.W"] = conversion(W)
        if conversion is CONVERSIONS["tf"]:  # its zero is the grey 127.5 and not the mean of ImageNet
            state["conv1_1.b"] = state["conv1_1.b"] + (127.5 - np.array(CAFFE.mean)) @ W.sum(axis=(0, 1))
        model = vgg_module.VGG(model.depth, top=model.top, rng=None)
        model.load_state(state)
    save_file(tiny_vgg.torchvision_tensors(model), path)
    return path


def features(weights, pictures, **options):
    model = vgg(weights=weights, **options)
    return model(model.preprocessing(pictures))


@pytest.mark.parametrize("name", CONVERSIONS)
def test_oxfords_kernels_tell_the_preprocessing_under_any_names(oxford, rng, tmp_path, name):
    pictures = rng.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    right = features(tiny_vgg.save_keras(tmp_path / "keras.h5", oxford), pictures)
    path = save_torch(tmp_path / "converted", oxford, CONVERSIONS[name])
    model = vgg(weights=path)
    assert model.preprocessing == CONVENTIONS[name]
    assert model.notes[0].startswith(f"preprocessing {name}: the first kernels are Oxford's, for channels ")
    y = model(model.preprocessing(pictures))
    assert np.corrcoef(y.ravel(), right.ravel())[0, 1] > 0.999  # the borders differ: zero is another grey in each
    for other in CONVERSIONS.keys() - {name}:
        wrong = features(path, pictures, preprocessing=other)
        assert np.abs(wrong - right).max() > 5 * np.abs(y - right).max()


@pytest.mark.parametrize("factor, order", [(8, 1), (57, 1), (1 / 20, 1), (255, -1)])
def test_oxfords_kernels_at_another_scale_are_refused_until_it_is_stated(oxford, tmp_path, factor, order):
    path = save_torch(tmp_path / "f", oxford, lambda W: W[:, :, ::order] * factor)
    with pytest.raises(UserError, match=r"resemble Oxford's .* fit no known preprocessing .* state it by "
                                        r"preprocessing= \(caffe-bgr, caffe-rgb, torchvision, tf\)"):
        vgg(weights=path)
    assert vgg(weights=path, preprocessing="tf").preprocessing == CONVENTIONS["tf"]


@pytest.mark.parametrize("name", CONVERSIONS)
def test_biases_that_already_subtract_the_mean_are_refused(oxford, tmp_path, name):
    """For such a network black is 0, and its mean would be subtracted twice."""
    state, wanted = oxford.state(), CONVENTIONS[name]
    W = CONVERSIONS[name](state["conv1_1.W"])
    path = tmp_path / "f.npz"
    for share in (0, 1):
        b = state["conv1_1.b"] - share * W.sum(axis=(0, 1)).T @ (np.array(wanted.mean) / wanted.std)
        np.savez(path, **state | {"conv1_1.W": W, "conv1_1.b": b})
        if share:
            with pytest.raises(UserError, match="has Oxford's first kernels, but their biases already subtract the"):
                vgg(weights=path)
        else:
            assert vgg(weights=path).preprocessing == wanted


def test_what_lies_between_oxfords_kernels_and_others_is_refused(rng):
    kernels = rng.standard_normal((3, 3, 3, 64)) * 0.25
    assert origin(kernels) is None
    kernels[..., list(KERNELS)] += OXFORD
    with pytest.raises(RefusalError, match=r"resemble Oxford's \(correlation 0\.[4-8]"):
        origin(kernels)


def test_larger_kernels_and_noise_as_in_vgg_16_and_after_training_on_change_nothing(rng):
    for name, conversion in CONVERSIONS.items():
        kernels = np.zeros((3, 3, 3, 64))
        kernels[..., list(KERNELS)] = conversion(1.2 * OXFORD + rng.normal(0, 0.03, OXFORD.shape))
        assert (origin(kernels).convention, origin(kernels).turned) == (name, False)
        assert origin(kernels[::-1, ::-1]).turned
        with pytest.raises(RefusalError):
            origin(kernels.transpose(1, 0, 2, 3))  # rows and columns exchanged


def test_weights_that_are_not_oxfords_have_the_convention_of_their_names(rng, monkeypatch, tmp_path):
    tiny_vgg.shrink(monkeypatch)
    path = save_torch(tmp_path / "f", tiny_vgg.random_vgg(11, rng))
    model = vgg(weights=path)
    assert model.preprocessing == TORCHVISION
    assert "assumed from the names in the file, because the first kernels are not Oxford's" in model.notes[0]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setitem(provenance.KNOWN_FILES, digest[:8], ("caffe-bgr", "somebody's VGG-11"))
    assert vgg(weights=path).notes == ("preprocessing caffe-bgr: somebody's VGG-11, by its checksum",)
    assert vgg(weights=path, preprocessing="tf").notes == ("preprocessing tf: as it was given",)


def test_a_known_checksum_decides_before_kernels_that_resemble_oxfords(oxford, monkeypatch, tmp_path):
    path = save_torch(tmp_path / "f", oxford, lambda W: W * 8)
    with pytest.raises(UserError, match="resemble Oxford's"):
        vgg(weights=path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setitem(provenance.KNOWN_FILES, digest[:8], ("torchvision", "torchvision's own VGG-11"))
    assert vgg(weights=path).notes == ("preprocessing torchvision: torchvision's own VGG-11, by its checksum",)


@pytest.mark.parametrize("save", [save_torch, tiny_vgg.save_keras])
def test_a_file_is_read_for_its_checksum_once_and_only_where_it_is_needed(oxford, monkeypatch, tmp_path, save):
    path, read = save(tmp_path / "f", oxford), []
    monkeypatch.setattr(weights, "sha256", lambda path: read.append(path) or "0" * 64)
    vgg(weights=path)
    assert read == [path] * (save is save_torch)  # under Keras' names there is only one convention
    read.clear()
    vgg(weights=path, preprocessing="tf")
    assert read == []
    assert Extractor(path, "pool5", CPU).source.weights_sha256 == "0" * 64
    assert read == [path]


def test_arrays_under_our_names_are_for_the_preprocessing_of_a_new_vgg(rng, monkeypatch, tmp_path):
    tiny_vgg.shrink(monkeypatch)
    model = tiny_vgg.random_vgg(11, rng)
    np.savez(tmp_path / "vgg.npz", **{name: p.data for name, p in model.named_state()})
    assert vgg(weights=tmp_path / "vgg.npz").preprocessing == model.preprocessing == CONVENTIONS["torchvision"]


@pytest.mark.parametrize("name, expected", [("caffe-bgr", CAFFE), ("caffe-rgb", CAFFE_RGB), ("tf", TF),
                                            ("torchvision", TORCHVISION)])
def test_the_user_has_the_last_word(rng, monkeypatch, tmp_path, name, expected):
    tiny_vgg.shrink(monkeypatch)
    path = tiny_vgg.save_keras(tmp_path / "f", tiny_vgg.random_vgg(11, rng))
    model = vgg(weights=path, preprocessing=name)
    assert model.preprocessing == expected and model.notes == (f"preprocessing {name}: as it was given",)
    assert vgg(11, preprocessing=name).preprocessing == expected
    with pytest.raises(UserError, match="no preprocessing='caffe'; use one of caffe-bgr, caffe-rgb, torchvision, tf"):
        vgg(weights=path, preprocessing="caffe")


def test_the_programs_take_the_option_and_say_once_what_was_assumed(oxford, rng, tmp_path, capsys):
    from PIL import Image

    from minicap import extract

    (tmp_path / "pictures").mkdir()
    for i in range(3):
        Image.fromarray(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(tmp_path / f"pictures/{i}.png")
    (tmp_path / "pictures/captions.csv").write_text("image,caption\n0.png,a dog\n1.png,a cat\n2.png,a bird\n")
    weights = save_torch(tmp_path / "vgg.pth", oxford)
    arguments = ["--data", "folder", "--data-dir", tmp_path / "pictures", "--split-seed", 0, "--weights", weights,
                 "--layer", "pool5", "--device", "cpu", "--out", tmp_path / "f.npy"]
    for words, line in (((), "preprocessing caffe-bgr: the first kernels are Oxford's, for channels blue first, "
                             "0 to 255"), (("--preprocessing", "tf"), "preprocessing tf: as it was given")):
        with pytest.raises(SystemExit):
            run_program(extract.main, [str(a) for a in (*arguments, *words)])
        assert capsys.readouterr().err.splitlines().count(f"{weights}: {line}") == 1
    assert Extractor(weights, "pool5", CPU, preprocessing="tf").source.preprocessing == CONVENTIONS["tf"].to_json()


# ------------------------------------------------------------------------------------------------------------- Theano

def turned(model):
    state = {name: array[::-1, ::-1] if array.ndim == 4 else array for name, array in model.state().items()}
    other = vgg_module.VGG(model.depth, top=model.top, rng=None)
    other.load_state(state)
    return other


@pytest.mark.parametrize("backend", ["theano", b"theano", "tensorflow", None])
def test_kernels_that_keras_wrote_on_theano_are_turned(rng, monkeypatch, tmp_path, backend):
    tiny_vgg.shrink(monkeypatch)
    model = tiny_vgg.random_vgg(11, rng)
    is_theano = backend in ("theano", b"theano")
    path = tiny_vgg.save_keras(tmp_path / "f.h5", turned(model) if is_theano else model)
    if backend is not None:
        with h5py.File(path, "a") as file:
            file.attrs["backend"] = np.bytes_(backend) if isinstance(backend, bytes) else backend
    loaded = vgg(weights=path)
    for name, array in model.state().items():
        np.testing.assert_array_equal(loaded.state()[name], array, err_msg=name)
    assert any("turned by 180 degrees: the file says" in note for note in loaded.notes) == is_theano


def test_oxfords_kernels_tell_themselves_that_they_are_turned(oxford, tmp_path):
    """The attribute is lacking, as in the files of Keras 1 (..._tf_dim_ordering_th_kernels.h5)."""
    loaded = vgg(weights=tiny_vgg.save_keras(tmp_path / "f.h5", turned(oxford)))
    np.testing.assert_array_equal(loaded["conv3_2"].W.data, oxford["conv3_2"].W.data)
    assert "kernels turned by 180 degrees: the first are Oxford's, turned as for Theano" in loaded.notes


def test_the_channels_first_layout_of_keras_1_is_read_and_what_was_assumed_is_said(rng, monkeypatch, tmp_path):
    tiny_vgg.shrink(monkeypatch)
    model = tiny_vgg.random_vgg(11, rng)
    state = turned(model).state()
    with h5py.File(tmp_path / "th.h5", "w") as file:
        for name, array in state.items():
            layer, kind = name.split(".")
            theirs = tiny_vgg.KERAS_DENSE.get(layer) or f"block{layer[4]}_conv{layer[6]}"
            if array.ndim == 4:
                array = array.transpose(3, 2, 0, 1)
            elif name == "fc6.W":  # H, W, C -> C, H, W
                array = array.reshape(7, 7, -1, array.shape[1]).transpose(2, 0, 1, 3).reshape(array.shape)
            file.require_group(theirs)[f"{theirs}_{kind}"] = array
    loaded = vgg(weights=tmp_path / "th.h5")
    for name, array in model.state().items():
        np.testing.assert_array_equal(loaded.state()[name], array, err_msg=name)
    assert any("assumed, because the file does not say its backend" in note for note in loaded.notes)


def test_rows_of_fc6_tell_their_order(rng, monkeypatch, tmp_path):
    """On Theano with channels first, Keras 2 stored kernels as (K, K, C, F) and the rows of fc6 as C, H, W."""
    tiny_vgg.shrink(monkeypatch)
    monkeypatch.setattr(vgg_module, "DENSE", vgg_module.DENSE | {"fc6": (7 * 7 * 8, 40), "fc7": (40, 10)})
    model = tiny_vgg.random_vgg(11, rng)
    smooth = rng.standard_normal((1, 1, 8, 40)) + 0.5 * rng.standard_normal((7, 7, 8, 40))  # neighbours are alike
    model["fc6"].W.data[:] = smooth.reshape(7 * 7 * 8, 40)
    right = model["fc6"].W.data.copy()
    assert (vgg(weights=tiny_vgg.save_keras(tmp_path / "a", model))["fc6"].W.data == right).all()
    model["fc6"].W.data[:] = smooth.transpose(2, 0, 1, 3).reshape(7 * 7 * 8, 40)
    assert (vgg(weights=tiny_vgg.save_keras(tmp_path / "b", model))["fc6"].W.data == right).all()


# ------------------------------------------------------------------------------------------------------------- finite

@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("tensor", ["features.3.weight", "features.0.bias", "classifier.3.weight"])
def test_weights_that_are_not_finite_are_refused_by_file_and_tensor(rng, monkeypatch, tmp_path, value, tensor):
    tiny_vgg.shrink(monkeypatch)
    tensors = tiny_vgg.torchvision_tensors(tiny_vgg.random_vgg(11, rng))
    tensors[tensor].reshape(-1)[-1] = value
    save_file(tensors, tmp_path / "f")
    with pytest.raises(UserError, match=f"{tmp_path}/f: {tensor} has 1 of .* numbers that are not finite"):
        vgg(weights=tmp_path / "f")
    if tensor.startswith("classifier"):  # nothing reads it, as in the files whose dense layers are missing
        assert vgg(weights=tmp_path / "f", features="pool5").notes
        assert not vgg(weights=tmp_path / "f", top=False).top


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int32, np.bool_])
@pytest.mark.parametrize("tensor", ["features.3.weight", "features.0.bias", "classifier.3.weight"])
def test_quantised_weights_are_refused_by_file_and_tensor(rng, monkeypatch, tmp_path, kind, tensor):
    tiny_vgg.shrink(monkeypatch)
    tensors = tiny_vgg.torchvision_tensors(tiny_vgg.random_vgg(11, rng))
    tensors[tensor] = np.round(abs(tensors[tensor]) * 50).astype(kind)
    save_file(tensors, tmp_path / "f")
    with pytest.raises(UserError, match=f"{tmp_path}/f: {tensor} has numbers of type .*; use the file with the orig"):
        vgg(weights=tmp_path / "f")


def test_negative_variances_are_refused_by_file_and_tensor(rng, monkeypatch, tmp_path):
    tiny_vgg.shrink(monkeypatch)
    tensors = tiny_vgg.torchvision_tensors(tiny_vgg.random_vgg(11, rng, batch_norm=True))
    tensors["features.1.running_var"][0] = -1
    save_file(tensors, tmp_path / "f")
    with pytest.raises(UserError, match=f"{tmp_path}/f: features.1.running_var has negative numbers"):
        vgg(weights=tmp_path / "f")


@pytest.mark.parametrize("tensor", ["features.0.weight", "classifier.6.weight"])
def test_an_array_of_zeros_is_refused_by_file_and_tensor(rng, monkeypatch, tmp_path, tensor):
    """As in a file for which a program reserves the space before it downloads."""
    tiny_vgg.shrink(monkeypatch)
    tensors = tiny_vgg.torchvision_tensors(tiny_vgg.random_vgg(11, rng))
    tensors[tensor][:] = 0
    save_file(tensors, tmp_path / "f")
    with pytest.raises(UserError, match=f"{tmp_path}/f: {tensor} holds nothing but zeros"):
        vgg(weights=tmp_path / "f")


def test_numbers_whose_squares_overflow_are_finite(rng, monkeypatch, tmp_path):
    tiny_vgg.shrink(monkeypatch)
    model = tiny_vgg.random_vgg(11, rng)
    model["fc8"].W.data[0, 0] = 1e30
    assert vgg(weights=tiny_vgg.save_keras(tmp_path / "f", model))["fc8"].W.data[0, 0] == np.float32(1e30)


# ---------------------------------------------------------------------------------------------------------- real data

@pytest.mark.real_data
def test_the_real_vgg_19_under_torchvisions_names(data_dir, tmp_path):
    from PIL import Image

    model = vgg19(weights=data_dir / "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5")
    assert model.preprocessing == CAFFE and "Oxford's" in model.notes[0]
    path = sorted((data_dir / "Flickr8k").rglob("*.jpg"))[0]
    picture = np.asarray(Image.open(path).convert("RGB").resize((96, 96)))[None]
    right = model(model.preprocessing(picture))
    for name, conversion in CONVERSIONS.items():
        converted = save_torch(tmp_path / name, model, conversion)
        loaded = vgg(weights=converted)
        assert loaded.preprocessing == CONVENTIONS[name]
        y = loaded(loaded.preprocessing(picture))
        assert np.corrcoef(y.ravel(), right.ravel())[0, 1] > 0.999
    wrong = features(tmp_path / "caffe-bgr", picture, preprocessing="torchvision")
    assert np.corrcoef(wrong.ravel(), right.ravel())[0, 1] < 0.8


@pytest.mark.parametrize("change", [{"size": 100_000}, {"size": 0}, {"size": "224"}, {"size": True}, {"order": "BRG"},
                                    {"scale": "1"}, {"scale": 1e300}, {"mean": [1, 2]}, {"std": [1, 1, [1]]},
                                    {"mean": None}, {"colour": "red"}])
def test_a_description_of_preprocessing_with_other_values_is_refused(change):
    with pytest.raises(UserError, match="describes no preprocessing of pictures"):
        Preprocessing.from_json(TORCHVISION.to_json() | change)
    assert Preprocessing.from_json(TORCHVISION.to_json()) == TORCHVISION
