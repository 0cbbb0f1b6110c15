"""Which files of a model folder are its tokenizer."""

import shutil
from pathlib import Path

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "sentencepiece.bpe.model",
    "spm.model",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "added_tokens.json",
)


def copy_tokenizer(source: Path, folder: Path) -> list[str]:
    """Copy the tokenizer's files byte for byte from one model folder to another; return their names.

    Those of another tokenizer that lay there before are removed: a loader would take them for this one's.
    """
    if source.resolve() != folder.resolve():
        for name in TOKENIZER_FILES:
            if (source / name).is_file():
                shutil.copyfile(source / name, folder / name)
            else:
                (folder / name).unlink(missing_ok=True)
    return [name for name in TOKENIZER_FILES if (source / name).is_file()]
