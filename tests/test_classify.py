import json
import re

import numpy as np
import pytest
import tiny_vgg
from PIL import Image

from minicap import classify as program
from minicap.captioning.data import load_dataset
from minicap.classify import Classifier
from minicap.cli import run_program
from minicap.errors import UserError
from minicap.images import read_image
from minicap.pretrained_networks import find_weights
from minicap.vgg import vgg

NAMES = [f"thing {letter}" for letter in "abcdefghijk"]  # the tiny networks have 11 classes
SIZES = ("--resize", "36", "--crop", "32")


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    tiny_vgg.shrink(monkeypatch, size=32)
    monkeypatch.setenv("MINICAP_DATA", str(tmp_path / "nowhere"))
    monkeypatch.delenv("MINICAP_WEIGHTS", raising=False)
    monkeypatch.setattr("minicap.pretrained_networks._in_package", lambda package: None)


@pytest.fixture
def weights(tiny, tmp_path, rng):
    (tmp_path / "imagenet_classes.txt").write_text("\n".join(NAMES) + "\n")
    model = tiny_vgg.random_vgg(11, rng)
    model["fc8"].W.data *= 0.3 / np.abs(model["fc8"].W.data).max()  # so that no class has all of the probability
    return tiny_vgg.save_keras(tmp_path / "vgg11.h5", model)


@pytest.fixture
def pictures(tiny, tmp_path, rng):
    """Three pictures of different sizes and colours."""
    paths = []
    for i, size in enumerate([(60, 40), (36, 36), (41, 90)]):
        blobs = Image.fromarray(rng.integers(0, 256, (3, 3, 3), dtype=np.uint8))
        paths.append(tmp_path / f"{i}.png")
        blobs.resize(size, Image.Resampling.BICUBIC).save(paths[-1])
    return paths


def run(capsys, *arguments):
    """(exit code, lines of stdout, lines of stderr)"""
    with pytest.raises(SystemExit) as caught:
        run_program(program.main, [str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return caught.value.code, captured.out.splitlines(), captured.err.splitlines()


def refusal(capsys, *arguments):
    code, out, err = run(capsys, *arguments)
    assert (code, out, len(err)) == (2, [], 1)
    assert err[0].startswith("error: ")
    return err[0]


# --- Answers --------------------------------------------------------------------------------------------------------

def expected_probabilities(weights, path):
    """Spelled out with Pillow: short side to 36, the central 32 x 32, the softmax of the plain network's logits."""
    image = Image.open(path)
    W, H = image.size
    image = image.resize((36 * W // min(W, H), 36 * H // min(W, H)), Image.Resampling.BILINEAR)
    left, top = round((image.width - 32) / 2), round((image.height - 32) / 2)
    pixels = np.asarray(image.crop((left, top, left + 32, top + 32)))
    model = vgg(weights=weights)
    e = np.exp(model(model.preprocessing(pixels[None]))[0].astype(np.float64))
    return e / e.sum()


def test_json_has_one_object_a_line_with_the_most_likely_classes_first(capsys, weights, pictures):
    code, out, err = run(capsys, *pictures, "--weights", weights, "--json", "--top", 3, *SIZES)
    assert (code, len(out)) == (0, 3)
    assert err == [f"{weights}: preprocessing caffe-bgr: assumed from a Keras file, because the first kernels are not "
                   "Oxford's (--preprocessing overrides it)"]
    for line, path in zip(out, pictures, strict=True):
        answer = json.loads(line)
        assert list(answer) == ["image", "top"] and answer["image"] == str(path)
        p = expected_probabilities(weights, path)
        order = np.argsort(-p)[:3]
        assert [best["index"] for best in answer["top"]] == order.tolist()
        assert [best["class"] for best in answer["top"]] == [NAMES[i] for i in order]
        np.testing.assert_allclose([best["p"] for best in answer["top"]], p[order], atol=2e-5)


def test_the_weights_of_a_few_pictures_stay_in_the_file(capsys, monkeypatch, weights, pictures):
    found = []
    made = program.Classifier.__init__

    def keep(classifier, *arguments, **options):
        made(classifier, *arguments, **options)
        found.append([array.base is None for array in (p.data for _, p in classifier.model.named_state())])

    monkeypatch.setattr(program.Classifier, "__init__", keep)
    answers = [run(capsys, *paths, "--weights", weights, "--json", *SIZES)[1][0]
               for paths in (pictures[:1], [*pictures, *pictures])]
    assert not any(found[0]) and all(found[1])  # of the first all are views, of the others copies
    few, many = ([best["p"] for best in json.loads(answer)["top"]] for answer in answers)
    assert few == pytest.approx(many, abs=2e-6)


def test_probabilities_of_all_classes_add_up_to_one(capsys, weights, pictures):
    _, out, _ = run(capsys, pictures[0], "--weights", weights, "--json", "--top", 999, *SIZES)
    top = json.loads(out[0])["top"]
    assert sorted(best["index"] for best in top) == list(range(11))
    assert sum(best["p"] for best in top) == pytest.approx(1, abs=1e-5)
    assert all(1e-3 < best["p"] < 0.9 for best in top)


def test_people_get_the_picture_and_then_a_line_for_each_class(capsys, weights, pictures):
    code, out, _ = run(capsys, pictures[0], pictures[1], "--weights", weights, "--top", 2, *SIZES)
    assert code == 0
    assert [out[0], out[3]] == [str(pictures[0]), str(pictures[1])]
    p = expected_probabilities(weights, pictures[0])
    best = int(p.argmax())
    assert out[1] == f"{100 * p[best]:6.1f} %  {NAMES[best]}"


def test_swapped_colours_are_another_picture(capsys, weights, pictures, tmp_path):
    Image.fromarray(read_image(pictures[0])[..., ::-1]).save(tmp_path / "swapped.png")
    _, out, _ = run(capsys, pictures[0], tmp_path / "swapped.png", "--weights", weights, "--json", *SIZES)
    a, b = (json.loads(line)["top"] for line in out)
    assert [best["p"] for best in a] != pytest.approx([best["p"] for best in b], rel=0.01)


def test_pictures_that_cannot_be_read_are_one_line_each_and_the_others_are_classified(capsys, weights, pictures,
                                                                                     tmp_path):
    (tmp_path / "broken.png").write_bytes(pictures[0].read_bytes()[:60])
    code, out, err = run(capsys, tmp_path / "none.png", pictures[0], tmp_path / "broken.png", pictures[2], "--weights",
                         weights, "--json", *SIZES)
    assert code == 2
    assert [json.loads(line)["image"] for line in out] == [str(pictures[0]), str(pictures[2])]
    err = err[1:]  # the first says what was assumed
    assert len(err) == 2 and all(line.startswith("error: ") for line in err)
    assert "none.png does not exist" in err[0] and "broken.png" in err[1]


def test_many_pictures_in_batches_answer_as_one_alone(weights, pictures):
    classifier = Classifier(weights, resize=36, crop=32)
    paths = [str(path) for path in pictures * 3]
    together = list(classifier.classify(paths, top=11, batch_size=4))
    assert len(together) == 9
    for path, best in zip(paths, together, strict=True):
        (alone,) = classifier.classify([path], top=11)
        assert [b["index"] for b in alone] == [b["index"] for b in best]
        np.testing.assert_allclose([b["p"] for b in alone], [b["p"] for b in best], atol=1e-5)


def test_unreadable_pictures_come_back_as_errors_also_when_there_is_nothing_else(weights, tmp_path):
    (error,) = Classifier(weights, resize=36, crop=32).classify([str(tmp_path / "none.png")])
    assert isinstance(error, UserError)


def test_a_strip_of_a_picture_is_refused_before_it_is_blown_up(capsys, weights, tmp_path, pictures):
    Image.new("RGB", (5000, 2)).save(tmp_path / "strip.png")
    code, out, err = run(capsys, tmp_path / "strip.png", pictures[0], "--weights", weights, "--json", *SIZES)
    assert (code, len(out), len(err)) == (2, 1, 2)
    assert "strip.png is 5000 x 2 pixels" in err[1]


# --- Class names ----------------------------------------------------------------------------------------------------

def test_class_names_are_taken_from_the_file_that_is_named(capsys, weights, pictures, tmp_path):
    (tmp_path / "mine.txt").write_text("".join(f" my {name} \r\n" for name in NAMES) + "\n\n", encoding="utf-8")
    _, out, _ = run(capsys, pictures[0], "--weights", weights, "--json", "--classes", tmp_path / "mine.txt", *SIZES)
    best = json.loads(out[0])["top"][0]
    assert best["class"] == "my " + NAMES[best["index"]]


def test_without_names_classes_are_numbered_and_one_line_warns(capsys, weights, pictures, tmp_path):
    (tmp_path / "imagenet_classes.txt").unlink()
    code, out, err = run(capsys, pictures[0], "--weights", weights, "--json", *SIZES)
    assert code == 0
    assert len(err) == 2 and err[0].startswith("warning: no class names")
    best = json.loads(out[0])["top"][0]
    assert best["class"] == f"class {best['index']}"


@pytest.mark.parametrize("text, words", [
    (b"one\ntwo\n", "has 2 lines, but the network has 11 classes"),
    (b"\xff\xfe\x00" * 11, "is not a text file in UTF-8"),
    (b"", "has 0 lines")], ids=["too few", "binary", "empty"])
@pytest.mark.parametrize("beside", [True, False], ids=["beside the weights", "named"])
def test_a_class_file_that_does_not_fit_is_refused(capsys, weights, pictures, tmp_path, text, words, beside):
    path = tmp_path / ("imagenet_classes.txt" if beside else "mine.txt")
    path.write_bytes(text)
    options = [] if beside else ["--classes", path]
    message = refusal(capsys, pictures[0], "--weights", weights, *options, *SIZES)
    assert f"class file {path} {words}" in message


def test_a_class_file_that_is_named_has_to_exist(capsys, weights, pictures, tmp_path):
    message = refusal(capsys, pictures[0], "--weights", weights, "--classes", tmp_path / "mine.txt", *SIZES)
    assert "mine.txt does not exist" in message


# --- Weights --------------------------------------------------------------------------------------------------------

def test_weights_without_dense_layers_are_refused(capsys, rng, tmp_path, pictures):
    notop = tiny_vgg.save_keras(tmp_path / "notop.h5", tiny_vgg.random_vgg(11, rng, top=False))
    message = refusal(capsys, pictures[0], "--weights", notop, *SIZES)
    assert f"{notop} has no dense layers, and so no classes; name a file that has them" in message


def test_numbers_that_become_too_large_are_no_probabilities(capsys, rng, tmp_path, pictures):
    model = tiny_vgg.random_vgg(11, rng)
    for name, p in model.named_state():
        if name.startswith("conv") and name.endswith(".W"):
            p.data *= 1e30
    weights = tiny_vgg.save_keras(tmp_path / "vgg11.h5", model)
    code, out, err = run(capsys, pictures[0], "--weights", weights, *SIZES)
    assert (code, out) == (2, []) and "become too large for float32" in err[-1]


def test_without_any_weights_the_command_that_fetches_them_is_named(capsys, pictures):
    assert "`python -m minicap.download vgg19`" in refusal(capsys, pictures[0], *SIZES)


def test_the_environment_names_weights(capsys, weights, pictures, monkeypatch):
    monkeypatch.setenv("MINICAP_WEIGHTS", str(weights))
    assert run(capsys, pictures[0], *SIZES)[0] == 0


def test_downloaded_weights_with_dense_layers_are_preferred(capsys, weights, pictures, monkeypatch, tmp_path, rng):
    monkeypatch.setenv("MINICAP_DATA", str(tmp_path))
    keras = "{}_weights_tf_dim_ordering_tf_kernels{}.h5"
    tiny_vgg.save_keras(tmp_path / keras.format("vgg19", "_notop"), tiny_vgg.random_vgg(19, rng, top=False))
    assert "has no dense layers" in refusal(capsys, pictures[0], *SIZES)
    weights.rename(tmp_path / keras.format("vgg16", ""))
    assert run(capsys, pictures[0], *SIZES)[0] == 0


# --- Options --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("options, words", [
    (["--top", "0"], "--top has to be at least 1"),
    (["--crop", "31"], "--crop has to be from 32 to 63, which the dense layers expect, not 31"),
    (["--crop", "64"], "--crop has to be from 32 to 63, which the dense layers expect, not 64"),
    (["--crop", "-3"], "not -3"),
    (["--crop", "0"], "not 0"),
    (["--crop", "40", "--resize", "0"], "--resize has to be at least --crop, 40, not 0"),
    (["--crop", "40", "--resize", "39"], "--resize has to be at least --crop, 40, not 39"),
    (["--crop", "32", "--resize", "-5"], "--resize has to be at least --crop, 32, not -5"),
    (["--device", "tpu"], "unknown device"),
])
def test_options_that_make_no_sense_are_one_sentence(capsys, weights, pictures, options, words):
    assert words in refusal(capsys, pictures[0], "--weights", weights, "--resize", 256, *options)


def test_any_crop_that_gives_the_dense_layers_their_cells_will_do(capsys, weights, pictures):
    for crop in (32, 50, 63):
        assert run(capsys, pictures[0], "--weights", weights, "--resize", 64, "--crop", crop)[0] == 0


# --- Real weights ---------------------------------------------------------------------------------------------------

# A word that four of the five people use, and the classes of ImageNet that it can mean.
PLAIN = {r"unicycles?": ("unicycle",), r"camels?": ("Arabian camel",), r"poodles?": ("standard poodle", "toy poodle"),
         r"dalm[ae]tion|dalmatian": ("dalmatian",), r"german shepherds?": ("German shepherd",), r"beagle": ("beagle",),
         r"collie": ("collie", "Border collie", "Shetland sheepdog"), r"greyhounds?": ("whippet", "Italian greyhound"),
         r"kayak|canoe|kayaks|canoes": ("canoe", "paddle"), r"volleyball": ("volleyball",), r"rugby": ("rugby ball",),
         r"hot air balloons?": ("balloon",), r"basketball": ("basketball",), r"accordion": ("accordion",)}


@pytest.mark.real_data
def test_efficientnet_lite2_names_as_many_plain_classes_as_vgg_19(data_dir):
    lite = find_weights("efficientnet-lite2")
    if lite is None:
        pytest.skip("the weights of EfficientNet-Lite2 are not installed (extra `photo`)")
    folder, meant = data_dir / "Flickr8k", {}
    captions = load_dataset("flickr8k", folder).captions
    for word, classes in PLAIN.items():
        meant |= {name: classes for name, texts in captions.items()
                  if sum(bool(re.search(rf"\b({word})\b", text.lower())) for text in texts) >= 4}
    paths = [folder / "Flicker8k_Dataset" / name for name in meant][:80]
    right = {}
    for weights in (lite, data_dir / "vgg19_weights_tf_dim_ordering_tf_kernels.h5"):
        classifier = Classifier(weights, data_dir / "imagenet_classes.txt")
        best = [found[0]["class"].split(",")[0] for found in classifier.classify(paths, top=1)]
        right[weights.name] = sum(name in classes for name, classes in zip(best, meant.values(), strict=False))
    of_lite, of_vgg = right.values()
    assert len(paths) == 80 and of_lite >= of_vgg > 40, right

@pytest.mark.real_data
def test_vgg_19_names_the_breed_of_dogs_whose_captions_name_it_and_less_surely_in_swapped_colours(data_dir):
    classifier = Classifier(data_dir / "vgg19_weights_tf_dim_ordering_tf_kernels.h5")
    folder = data_dir / "Flickr8k" / "Flicker8k_Dataset"
    breeds = {"953941506_5082c9160c.jpg": "beagle", "78984436_ad96eaa802.jpg": "German shepherd",
              "3417102649_5c0b2f4b4d.jpg": "dalmatian"}
    images = np.stack([classifier.read(folder / name) for name in breeds])
    p, swapped = classifier(images), classifier(images[..., ::-1])
    best = p.argmax(axis=1)
    assert [classifier.classes[i].split(",")[0] for i in best] == list(breeds.values())
    rows = np.arange(len(images))
    assert p[rows, best].mean() > swapped[rows, best].mean() + 0.1, swapped[rows, best]
