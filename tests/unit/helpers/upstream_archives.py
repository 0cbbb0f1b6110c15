"""Tiny archives of every data set in its upstream format, under the names that upstream gives them."""

import hashlib
import io
import json
import tarfile
import zipfile
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from data_files import squad
from dual_encoder_files import mewslix_files, xquad_r
from upstream_server import Server

from xstilts.data.fetching.upstream import Catalogue, load
from xstilts.data.registry import DataSet, dataset, language_names

NLI = ("entailment", "neutral", "contradiction")
WITHOUT_DEV = ("kk", "th", "tl", "yo")  # of UD 2.5


def zipped(files: dict[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(files: dict[str, str | bytes], mode: str = "w:gz") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, content in files.items():
            raw = content if isinstance(content, bytes) else content.encode("utf-8")
            member = tarfile.TarInfo(name)
            member.size = len(raw)
            archive.addfile(member, io.BytesIO(raw))
    return buffer.getvalue()


def jsonl(rows: list[dict]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def tsv(header: str, *rows: tuple[str, ...]) -> str:
    return "".join("\t".join(row) + "\n" for row in (tuple(header.split()), *rows))


def nli_files(stem: str, splits: tuple[str, ...]) -> dict[str, str | bytes]:
    labels = (*NLI, "-")  # "-": the annotators did not agree
    rows = [{"gold_label": label, "sentence1": f"A {n}", "sentence2": f"B {n}"} for n, label in enumerate(labels)]
    return {f"{stem}/{stem}_{split}.jsonl": jsonl(rows) for split in splits} | {
        f"__MACOSX/{stem}/._{stem}_{split}.jsonl": b"\x00\x05\x16\x07" for split in splits
    }


def anli() -> bytes:
    files = {}
    for number in (1, 2, 3):
        for split in ("train", "dev", "test"):
            rows = [
                {"uid": f"{number}{split}{label}", "context": "A", "hypothesis": "B", "label": label} for label in "cen"
            ]
            files[f"anli_v0.1/R{number}/{split}.jsonl"] = jsonl(rows)
    return zipped(files)


def qqp() -> bytes:
    header = "id qid1 qid2 question1 question2 is_duplicate"
    train = tsv(header, ("1", "2", "3", 'What is "x?', "What is y?", "0"), ("4", "5", "6", "Why?", "Why so?", "1"))
    return zipped(
        {
            "QQP/train.tsv": train + "7\t8\t9\tcut off in the\n",
            "QQP/dev.tsv": tsv(header, ("1", "2", "3", "Who?", "Whom?", "1")),
            "QQP/test.tsv": "id\tquestion1\tquestion2\n",
        }
    )


def hellaswag() -> bytes:
    rows = [{"ctx_a": "A man sits.", "ctx_b": "he", "endings": ["a", "b", "c", "d"], "label": n} for n in range(3)]
    return jsonl(rows).encode()


def cosmosqa() -> bytes:
    lines = [f'id{n},"He said ""no"",\nthen left.",Why?,a,b,c,d,{n}\n' for n in range(4)]
    return ("id,context,question,answer0,answer1,answer2,answer3,label\n" + "".join(lines)).encode()


def csqa(count: int, key: bool) -> bytes:
    choices = [{"label": letter, "text": f"choice {letter}"} for letter in "ABCDE"]
    answer = {"answerKey": "B"} if key else {}
    rows = [{"id": f"q{n}", "question": {"stem": f"Where {n}?", "choices": choices}, **answer} for n in range(count)]
    return jsonl(rows).encode()


def xnli() -> bytes:
    header = "language gold_label sentence1_binary_parse sentence1 sentence2 promptID pairID"
    files = {}
    for split, count in (("dev", 3), ("test", 4)):
        rows = [
            (language, NLI[n % 3], "", f'"{language} {n} ', f"{language} b", "1", str(n))
            for language in dataset("xnli").languages
            for n in range(count)
        ]
        files[f"XNLI-1.0/xnli.{split}.tsv"] = tsv(header, *rows)
    return zipped(files)


def pawsx() -> bytes:
    files = {}
    for language in dataset("pawsx").languages:
        for name, count in (("train" if language == "en" else "translated_train", 4), ("dev_2k", 2), ("test_2k", 3)):
            rows = [(str(n), f'{language} "{n}', f"{language} b", str(n % 2)) for n in range(count)]
            files[f"x-final/{language}/{name}.tsv"] = tsv("id sentence1 sentence2 label", *rows)
    return tarred(files)


def treebanks(release: str, languages: tuple[str, ...], broken: str = "ru_y-ud-train") -> bytes:
    """The broken file has a line of nine columns, as SynTagRus's training file has one in UD 2.5."""
    files = {}
    for language in (*languages, "cs"):  # cs is not asked for
        for split in ("test",) if language in WITHOUT_DEV else ("train", "dev", "test"):
            tokens = [
                "1-2\tdel\t_\t_\t_\t_\t_\t_\t_\t_",
                "1\tde\t_\tADP\t_\t_\t3\t_\t_\t_",
                "2\tel\t_\tDET\t_\t_\t3\t_\t_\t_",
                f"3\t{language}\t_\tNOUN\t_\t_\t0\t_\t_\t_",
            ]
            name = f"{language}_y-ud-{split}"
            tokens[-1] = tokens[-1].removesuffix("\t_") if name == broken else tokens[-1]
            files[f"ud-treebanks-{release}/UD_X-Y/{name}.conllu"] = "\n".join(tokens) + "\n\n"
    return tarred(files)


def panx() -> bytes:
    files: dict[str, str | bytes] = {}
    for language in (*dataset("panx").languages, "cs"):
        text = f"{language}:Ada\tB-PER\n{language}:sits\tO\n\n{language}:Oslo\tB-LOC\n"
        files[f"panx_dataset/{language}.tar.gz"] = tarred(dict.fromkeys(("train", "dev", "test"), text))
    return zipped(files)


def mlqa() -> bytes:
    languages = dataset("mlqa").languages
    return zipped(
        {
            f"MLQA_V1/{split}/{split}-context-{context}-question-{question}.json": squad({"id": f"{split}1"})
            for split in ("dev", "test")
            for context in languages
            for question in languages
        }
    )


def tydiqa() -> bytes:
    languages = [language_names(code)["name"] for code in dataset("tydiqa").languages]
    return squad(*[{"id": f"{name}-{n}"} for name in languages for n in (1, 2)]).encode()


def bucc(pair: str, split: str) -> bytes:
    language = pair.split("-")[0]
    files = {
        language: "".join(f"{language}-{n}\tfremd {n}\n" for n in range(5)),
        "en": "".join(f"en-{n}\tstrange {n}\n" for n in range(4)),
        "gold": f"{language}-1\ten-2\n{language}-4\ten-0\n",
    }
    return tarred({f"bucc2018/{pair}/{pair}.{split}.{name}": text for name, text in files.items()}, "w:bz2")


def siqa() -> bytes:
    row = {"context": "Ada wrote.", "question": "Why?", **{f"answer{letter}": f"in {letter}" for letter in "ABC"}}
    files: dict[str, str | bytes] = {}
    for split, count in (("train", 3), ("dev", 2)):
        files[f"socialiqa-train-dev/{split}.jsonl"] = jsonl([row] * count)
        files[f"socialiqa-train-dev/{split}-labels.lst"] = "".join(f"{n % 3 + 1}\n" for n in range(count))
    return zipped(files)


def copa_rows(split: str, count: int) -> str:
    keys = {"choice1": "It rained.", "choice2": "It froze.", "question": "cause"}
    return jsonl([{"premise": f"{split} {n}.", **keys, "label": n % 2, "idx": n} for n in range(count)])


def copa() -> bytes:
    return zipped({f"COPA/{split}.jsonl": copa_rows(split, n) for split, n in (("train", 3), ("val", 2), ("test", 2))})


def content(name: str, url: str) -> bytes:
    """Return what stands in for the file at ``url`` of a data set."""
    file = urlsplit(url).path.rsplit("/", 1)[-1]
    match name:
        case "mnli":
            return zipped(nli_files("multinli_1.0", ("train", "dev_matched", "dev_mismatched")))
        case "snli":
            return zipped(nli_files("snli_1.0", ("train", "dev", "test")))
        case "squad" | "lareqa-train":
            return squad({"id": "1"}, {"id": "2"}).encode()
        case "squad2":
            return squad({"id": "1"}, {"id": "2", "is_impossible": True, "answers": []}).encode()
        case "csqa":
            return csqa(5, key="no_answers" not in file)
        case "udpos" | "udpos27":
            release = file.removeprefix("ud-treebanks-").removesuffix(".tgz")
            newer = ("lt", "pl", "ro", "uk", "wo")
            every = dataset("udpos").languages
            return treebanks(release, every if release == "v2.7" else tuple(x for x in every if x not in newer))
        case "xquad":
            return squad({"id": "a"}, {"id": "b"}).encode()
        case "bucc2018":
            _, pair, split, *_ = file.replace("bucc2018-", "bucc2018.").replace("-gold", ".gold").split(".")
            return bucc(pair, split)
        case "xcopa":
            return copa_rows(file, 2 if file.startswith("val") else 3).encode()
        case "lareqa" | "lareqa-candidates":
            return xquad_r(file.removesuffix(".json")).encode()
        case "mewslix":
            return tarred({f"raw/{name}": text for name, text in mewslix_files().items()})
        case "mewslix-candidates" | "mewslix-train":
            return zipped(dict(mewslix_files()))
        case "tatoeba":
            return f"{file} one\n{file} two\n".encode()
    return {"anli": anli, "qqp": qqp, "hellaswag": hellaswag, "cosmosqa": cosmosqa, "xnli": xnli, "pawsx": pawsx,
            "panx": panx, "mlqa": mlqa, "tydiqa": tydiqa, "siqa": siqa, "copa": copa}[name]()  # fmt: skip


def forget_sizes(patch: pytest.MonkeyPatch) -> None:
    """Forget upstream's numbers of rows, but for splits that upstream has not."""
    known = DataSet.expected_rows

    def forgotten(data: DataSet, split: str, language: str) -> int | None:
        return 0 if known(data, split, language) == 0 else None

    patch.setattr(DataSet, "expected_rows", forgotten)


def publish(server: Server, names: tuple[str, ...] | None = None) -> Catalogue:
    """Serve the archives of these data sets (None: all) and return the catalogue that points and pins to them."""
    catalogue, made = {}, dict[str, bytes]()
    for name, archives in load().items():
        if names is not None and name not in names:
            continue
        moved = []
        for archive in archives:
            parts = urlsplit(archive.url)
            path = f"/{parts.netloc}{parts.path}"
            raw = made[path] = server.files[path] = made.get(path) or content(name, archive.url)  # of several sets
            pin = hashlib.sha256(raw).hexdigest()
            size = len(raw) if archive.bytes else None
            moved.append(replace(archive, url=server.url(path), also=(), bytes=size, sha256=pin))
        catalogue[name] = tuple(moved)
    return catalogue
