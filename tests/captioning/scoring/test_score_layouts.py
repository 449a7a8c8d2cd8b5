"""Every layout in which people have predictions and references: a line each, with the same scores."""

import json

import pytest

from minicap import score
from minicap.errors import UserError

NAMES = "COCO_val2014_000000391895.jpg", "COCO_val2014_000000000007.jpg"
RIGHT, WRONG = "a dog runs on the grass", "two men play football"
TRUE = [[RIGHT, "a brown dog"], ["two men play soccer"]]
# 9 of the 10 words are right, and no caption is shorter than its reference: BLEU-1 is 0.9.
PREDICTIONS = {
    "name: caption": dict(zip(NAMES, (RIGHT, WRONG), strict=True)),
    "name: [caption]": {name: [text] for name, text in zip(NAMES, (RIGHT, WRONG), strict=True)},
    "number: caption": {"391895": RIGHT, "7": WRONG},
    "coco_number: caption": {"coco_391895": RIGHT, "coco_7": WRONG},
    "padded number: caption": {"000000391895": RIGHT, "000000000007": WRONG},
    "name of 2017: caption": {"000000391895.jpg": RIGHT, "000000000007.jpg": WRONG},
    "id: [{caption}]": {"391895": [{"caption": RIGHT}], "7": [{"caption": WRONG, "image_id": 7}]},
    "COCO's results": [{"image_id": 391895, "caption": RIGHT}, {"image_id": 7, "caption": WRONG}],
    "COCO's results with id": [{"image_id": 391895, "id": 7, "caption": RIGHT},
                               {"image_id": 7, "id": 8, "caption": WRONG}],
    "ids as text": [{"image_id": "391895", "caption": RIGHT}, {"image_id": "7", "caption": WRONG}],
    "ids of pandas": [{"image_id": 391895.0, "caption": RIGHT}, {"image_id": 7.0, "caption": WRONG}],
    "cocoid": [{"cocoid": 391895, "imgid": 7, "caption": RIGHT}, {"cocoid": 7, "imgid": 3, "caption": WRONG}],
    "file_name": [{"file_name": NAMES[0], "caption": RIGHT}, {"file_name": NAMES[1], "caption": WRONG}],
    "image_path": [{"image_path": f"/x/val2014/{name}", "prediction": text}
                   for name, text in zip(NAMES, (RIGHT, WRONG), strict=True)],
    "rows of pandas": {"0": {"image_id": 391895, "caption": RIGHT}, "7": {"file_name": NAMES[1], "caption": WRONG},
                       "391895": {"image_id": 7, "caption": WRONG}},
    "several names that agree": [{"file_name": NAMES[0], "image_id": 391895, "cocoid": 391895, "caption": RIGHT},
                                 {"file_name": NAMES[1], "image_id": 7, "cocoid": 7, "caption": WRONG}],
    "NaN in a field that is not used": json.dumps([{"image_id": 391895, "caption": RIGHT, "logp": float("nan")},
                                                   {"image_id": 7, "caption": WRONG, "logp": float("nan")}]
                                                  ).replace("NaN", 'NaN, "logp": NaN'),
    "JSON lines of minicap.caption": "".join(
        json.dumps({"image": f"photos/{name}", "caption": text, "beams": [{"caption": text, "logp": -1.5}]}) + "\n"
        for name, text in zip(NAMES, (RIGHT, WRONG), strict=True)),
    "one JSON line more than others": json.dumps({"image_id": 391895, "caption": RIGHT}) + "\n\n"
                                      + json.dumps({"image_id": 7, "caption": WRONG}),
    "generated_text of Hugging Face": [{"file": NAMES[0], "generated_text": RIGHT},
                                       {"file": NAMES[1], "generated_text": WRONG}],
    "vis.json of NeuralTalk": {"params": {"beam_size": 1}, "imgblobs": [
        {"img_path": f"val2014/{name}", "candidate": {"text": text, "logprob": -3},
         "references": [{"text": "x"}, {"text": "y"}]} for name, text in zip(NAMES, (RIGHT, WRONG), strict=True)]},
    "gts and res of pycocoevalcap": {"gts": {"391895": ["x"], "7": ["y"]}, "res": {"391895": [RIGHT], "7": [WRONG]}},
    "imgToEval of pycocoevalcap": {"overall": {"CIDEr": 1.0}, "imgToEval": {
        "391895": {"image_id": 391895, "CIDEr": 1.2, "caption": RIGHT}, "7": {"image_id": 7, "caption": WRONG}}},
    "tables of W&B": {"columns": ["id", "image", "prediction", "reference"],
                      "data": [[0, {"_type": "image-file", "path": f"media/{NAMES[0]}"}, RIGHT, "x"],
                               [1, {"_type": "image-file", "path": f"media/{NAMES[1]}"}, WRONG, "y"]]},
    "Oscar's TSV": f'391895\t[{{"caption": "{RIGHT}", "conf": 0.5}}]\n7\t[{{"caption": "{WRONG}", "conf": 0.4}}]\n',
    "a model's caption beside the references": {NAMES[0]: {"hyp": RIGHT, "refs": ["x"]},
                                                NAMES[1]: {"hyp": WRONG, "refs": []}},
    "columns of both": {"images": NAMES, "predictions": [RIGHT, WRONG], "references": [["x"], ["y", "z"]]},
    "the name of the model: [records]": {"BLIP": [{"file_name": NAMES[0], "caption": RIGHT},
                                                  {"file_name": NAMES[1], "caption": WRONG}]},
    "split of pandas, ids as index": {"columns": ["caption"], "index": [391895, 7], "data": [[RIGHT], [WRONG]]},
    "a list in a text": {NAMES[0]: f"['{RIGHT}']", NAMES[1]: f"array(['{WRONG}'], dtype=object)"},
    "CSV with ids of pandas": f"image_id,caption\n391895.0,{RIGHT}\n7.0,{WRONG}\n",
    "CSV": f"image,caption\n{NAMES[0]},{RIGHT}\n{NAMES[1]},{WRONG}\n",
    "CSV with ids": f"image_id,caption\n391895,{RIGHT}\n7,{WRONG}\n",
    "CSV of Excel": f"\ufeffImage;Caption\r\n391895;{RIGHT}\r\n7;\"{WRONG}\"\r\n",
    "TSV": f"{NAMES[0]}\t{RIGHT}\n{NAMES[1]}\t{WRONG}\n",
    "text of minicap.caption": f"{NAMES[0]}: {RIGHT}\n{NAMES[1]}: {WRONG}\n",
    "a byte order mark": ("\ufeff" + json.dumps(dict(zip(NAMES, (RIGHT, WRONG), strict=True)))),
}
REFERENCES = {
    "COCO": {"images": [{"id": 391895, "file_name": NAMES[0]}, {"id": 7, "file_name": NAMES[1]}],
             "annotations": [{"image_id": 391895, "id": i, "caption": text} for i, text in enumerate(TRUE[0])]
             + [{"image_id": 7, "id": 9, "caption": TRUE[1][0]}]},
    "Karpathy": {"images": [{"filepath": "val2014", "filename": name, "cocoid": int(name[-10:-4]), "imgid": i,
                             "split": "test", "sentences": [{"raw": text} for text in TRUE[i]]}
                            for i, name in enumerate(NAMES)]},
    "name: captions": dict(zip(NAMES, TRUE, strict=True)),
    "id: [{caption}]": {"391895": [{"caption": text} for text in TRUE[0]], "7": [{"caption": TRUE[1][0]}]},
    "annotations only": [{"image_id": 391895, "caption": text} for text in TRUE[0]]
                        + [{"image_id": 7, "caption": TRUE[1][0]}],
    "CSV": "image,caption\n" + "".join(f"{name},{text}\n" for name, texts in zip(NAMES, TRUE, strict=True)
                                       for text in texts),
    "JSON lines": "".join(json.dumps({"file_name": name, "captions": texts}) + "\n"
                          for name, texts in zip(NAMES, TRUE, strict=True)),
    "UTF-16": json.dumps(dict(zip(NAMES, TRUE, strict=True))).encode("utf-16"),
}


GENERATED = ("generated", "Generated Captions", "prediction", "predictions", "pred", "pred_caption", "hypothesis",
             "hypotheses", "hyp", "candidate", "output", "model_output", "result", "res", "caption_pred",
             "generated_text")
REFERENCE = ("reference", "references", "refs", "gt", "gts", "ground_truth", "gt_caption", "Reference Captions",
             "target", "human_caption")
PLAIN = ("caption", "captions", "text", "sentence", "original_caption")


@pytest.fixture
def scored(tmp_path, capsys):
    def call(predictions, references, *options):
        paths = []
        for name, content in (("p", predictions), ("r", references)):
            data = content if isinstance(content, bytes | str) else json.dumps(content)
            (tmp_path / name).write_bytes(data.encode() if isinstance(data, str) else data)
            paths.append(str(tmp_path / name))
        score.main([paths[0], "--references", paths[1], "--json", *options])
        out, err = capsys.readouterr()
        return json.loads(out), err
    return call


@pytest.mark.parametrize("predictions", PREDICTIONS)
def test_each_layout_of_predictions_has_the_same_scores(scored, predictions):
    for references in ("COCO", "Karpathy"):
        report, err = scored(PREDICTIONS[predictions], REFERENCES[references])
        assert (report["n"], report["bleu1"], err) == (2, pytest.approx(0.9), "")


@pytest.mark.parametrize("references", REFERENCES)
def test_each_layout_of_references_has_the_same_scores(scored, references):
    for predictions in ("name: caption", "COCO's results", "padded number: caption", "JSON lines of minicap.caption"):
        report, err = scored(PREDICTIONS[predictions], REFERENCES[references])
        assert (report["n"], report["bleu1"], err) == (2, pytest.approx(0.9), "")


def records(generated, reference):
    return [{"image": name, reference: true, generated: text}
            for name, text, true in zip(NAMES, (RIGHT, WRONG), TRUE, strict=True)]


@pytest.mark.parametrize("generated", GENERATED)
def test_a_models_caption_and_references_are_told_apart_by_their_names(scored, generated):
    for reference in REFERENCE:
        both = records(generated, reference)
        assert scored(both, REFERENCES["COCO"])[0]["bleu1"] == pytest.approx(0.9)
        assert scored(PREDICTIONS["name: caption"], both)[0]["bleu1"] == pytest.approx(0.9)
        table = f"image,{reference},{generated}\n" + "".join(
            f"{record['image']},{record[reference][0]},{record[generated]}\n" for record in both)
        assert scored(table, REFERENCES["COCO"])[0]["bleu1"] == pytest.approx(0.9)


@pytest.mark.parametrize("reference", REFERENCE)
def test_a_caption_beside_references_is_a_models_but_no_reference(scored, reference):
    both = records("caption", reference)
    assert scored(both, REFERENCES["COCO"])[0]["bleu1"] == pytest.approx(0.9)
    with pytest.raises(UserError, match=f"entry 0: '{reference}' and 'caption' could both be the captions"):
        scored(both, both)


@pytest.mark.parametrize("generated", (*GENERATED, "blip_caption"))
def test_a_caption_beside_a_models_could_be_either(scored, generated):
    for plain in PLAIN:
        both = records(generated, plain)
        table = f"image,{generated},{plain}\n{NAMES[0]},a,b\n"
        for files in ((both, REFERENCES["COCO"]), (table, REFERENCES["COCO"]), (PREDICTIONS["number: caption"], both)):
            with pytest.raises(UserError, match=r"needs one of the fields .*, not '.*' and '.*'; expected"):
                scored(*files)


def test_references_that_are_scored_as_predictions_are_mentioned(scored):
    """As of {"image", "caption", "ofa_large"}: no list of names is complete."""
    report, err = scored([{"image": name, "caption": texts[0], "ofa_large": "a dog"}
                          for name, texts in zip(NAMES, TRUE, strict=True)], REFERENCES["COCO"])
    assert report["bleu1"] == 1 and err.count("\n") == 1 and "is a reference of its image, word for word; if" in err


def test_an_imgid_is_the_imgid_of_the_references_and_not_their_cocoid(scored):
    predictions = [{"imgid": 0, "caption": RIGHT}, {"imgid": 1, "caption": WRONG}]
    as_text = [{"imgid": "0", "caption": RIGHT}, {"imgid": "1", "caption": WRONG}]
    assert [image["imgid"] for image in REFERENCES["Karpathy"]["images"]] == [0, 1]
    for layout in (predictions, as_text, f"imgid,caption\n0,{RIGHT}\n1,{WRONG}\n"):
        assert scored(layout, REFERENCES["Karpathy"])[0]["bleu1"] == pytest.approx(0.9)
    of_coco = [{"img_id": 391895, "caption": RIGHT}, {"img_id": 7, "caption": WRONG}]
    assert scored(of_coco, REFERENCES["Karpathy"])[0]["bleu1"] == pytest.approx(0.9)
    crossed = {"images": [image | {"imgid": imgid} for image, imgid in
                          zip(REFERENCES["Karpathy"]["images"], (7, 391895), strict=True)]}
    for layout in (of_coco, f"imgid,caption\n391895,{RIGHT}\n"):
        with pytest.raises(UserError, match=r"'391895' could mean '.*0007.jpg' or '.*391895.jpg'; write"):
            scored(layout, crossed)
    assert scored(PREDICTIONS["COCO's results"], crossed)[0]["bleu1"] == pytest.approx(0.9)
    assert scored(PREDICTIONS["cocoid"], crossed)[0]["bleu1"] == pytest.approx(0.9)


def test_numbers_are_imgids_where_the_references_have_no_others(scored):
    references = [{key: value for key, value in image.items() if key != "cocoid"}
                  for image in REFERENCES["Karpathy"]["images"]]
    assert scored([{"image_id": 0, "caption": RIGHT}, {"image_id": 1, "caption": WRONG}],
                  {"images": references})[0]["bleu1"] == pytest.approx(0.9)


def test_an_image_without_a_name_is_called_by_its_cocoid_beside_an_imgid(scored):
    references = [{"cocoid": id, "imgid": i, "captions": texts} for i, (id, texts) in
                  enumerate(zip((391895, 7), TRUE, strict=True))]
    for layout in ("COCO's results", "padded number: caption", "ids as text", "name: caption"):
        assert scored(PREDICTIONS[layout], references)[0]["bleu1"] == pytest.approx(0.9)


def test_numbers_are_the_ids_of_the_references_and_not_the_digits_of_their_names(scored):
    references = {"images": [{"id": 0, "file_name": "1.jpg"}, {"id": 1, "file_name": "2.jpg"}],
                  "annotations": [{"image_id": 0, "caption": "a dog"}, {"image_id": 1, "caption": "two cats"}]}
    assert scored([{"image_id": 0, "caption": "a dog"}, {"image_id": 1, "caption": "two cats"}],
                  references)[0]["bleu1"] == 1
    assert scored({"1.jpg": "a dog", "2.jpg": "two cats"}, references)[0]["bleu1"] == 1
    with pytest.raises(UserError, match="1 of 1 images have no references, the first of which is '2'"):
        scored([{"image_id": 2, "caption": "two cats"}], references)
    with pytest.raises(UserError, match=r"'1' could mean '1.jpg' or '2.jpg'"):  # the name or the id?
        scored({"0": "a dog", "1": "two cats"}, references)


@pytest.mark.parametrize("predictions, message", [
    ([{"image_id": 7, "file_name": NAMES[0], "caption": "x"}], r"is '.*391895.jpg', but 7 is '.*7.jpg'; the names"),
    ([{"image_id": 8, "caption": "x"}], "1 of 1 images have no references, the first of which is '8'"),
    ([{"image_id": None, "caption": "x"}], "entry 0 says nothing about the image"),
    ('{"image_id": 7, "caption": "x"}\n{"image_id": 7, "caption": "y"}', "has two captions for image '.*7.jpg'"),
    ({NAMES[0]: {"image_id": 7, "caption": "x"}}, r"is '.*391895.jpg', but 7 is '.*7.jpg'; the names of"),
    ({NAMES[0]: [{"image_id": 7, "caption": "x"}]}, r"is '.*391895.jpg', but 7 is '.*7.jpg'; the names of an image"),
    ({"predictions": [{"image_id": 7, "caption": "x"}], "annotations": [{"image_id": 7, "caption": "y"}]},
     "has captions in 'predictions' and in 'annotations'; write each of them to a file of its own"),
    ({"7": [True]}, "the caption of '7' has to be one string"),
    ([[True, "x"]], r"entry 0 is \[True, 'x'\]; expected"),
    (b"\x80\x04\x95", "is a pickle and no text; unpack it, or save what is in it as CSV or JSON"),
    ({"7": [{"caption": "x"}, {"caption": "y"}]}, "the caption of '7' has to be one string"),
    ("image,caption\n7,x\n7\n", "line 3: expected image,caption"),
])
def test_what_does_not_agree_is_refused(scored, predictions, message):
    with pytest.raises(UserError, match=message):
        scored(predictions, REFERENCES["COCO"])


def test_a_repeated_image_in_the_references_is_refused_where_json_would_keep_the_last(scored):
    with pytest.raises(UserError, match="has '7' twice"):
        scored({"7": "x"}, '{"7": ["two men"], "7": ["a boat"]}')


def test_equal_names_in_two_filepaths_are_two_images_and_a_name_alone_means_neither(scored):
    references = {"images": [{"filename": "1.jpg", "filepath": folder, "sentences": [{"raw": text}]}
                             for folder, text in (("a", "a dog"), ("b", "two cats"))]}
    assert scored({"a/1.jpg": "a dog", "b/1.jpg": "two cats"}, references)[0]["bleu1"] == 1
    with pytest.raises(UserError, match=r"'1.jpg' could mean 'a/1.jpg' or 'b/1.jpg'"):
        scored({"1.jpg": "a dog"}, references)


def test_captions_of_emoji_have_no_words_on_either_side(scored):
    report, err = scored({"a.jpg": "\U0001f415", "b.jpg": "a cat"}, {"a.jpg": ["a dog"], "b.jpg": ["a cat"]})
    assert report["bleu1"] < 1 and "1 of 2 captions in" in err and "contain no words" in err and err.count("\n") == 1
    report, err = scored({"a.jpg": "a dog", "b.jpg": "a cat"}, {"a.jpg": ["\U0001f415"], "b.jpg": ["a cat"]})
    assert "the references of 1 of 2 images in" in err and "contain no words" in err and err.count("\n") == 1


def test_an_empty_caption_in_a_table_is_an_empty_caption(scored):
    report, err = scored("image,caption\n391895,\n7,two men play soccer\n", REFERENCES["COCO"])
    assert report["n"] == 2 and "scored as empty captions" in err


def test_a_list_of_images_may_name_them_by_number(scored, tmp_path):
    (tmp_path / "list.txt").write_text("391895\n")
    report, _ = scored(PREDICTIONS["name: caption"], REFERENCES["COCO"], "--images", str(tmp_path / "list.txt"))
    assert (report["n"], report["bleu1"]) == (1, 1)
