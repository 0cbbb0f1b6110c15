"""The names of files of a user's own data set: which parts of them stand for a language."""

from collections.abc import Mapping, Sequence
from string import Formatter

from xstilts.data.registry import language_names


def check_patterns(key: str, splits: Mapping[str, Sequence[str]], languages: Sequence[str]) -> None:
    """Refuse names of files in which something stands for no language.

    Args:
        key: where the names stand: ``files``, ``gold.files``.
        splits: names of files by split, such as ``dev-{language}.jsonl``.
        languages: codes of the data set's languages.

    Raises:
        ValueError: it names the key, what was found and what was expected.
    """
    for split, names in splits.items():
        for name in names:
            try:
                wanted = {word for _, word, _, _ in Formatter().parse(name) if word is not None}
            except ValueError as error:
                raise ValueError(
                    f"{key}.{split}: found {name!r} ({error}); expected braces as in {{language}}"
                ) from None
            for code in languages if split != "train" else ("en",):
                if strange := sorted(wanted - set(language_names(code))):
                    raise ValueError(
                        f"{key}.{split}: found {{{strange[0]}}} in {name!r}; expected of {code} "
                        + " or ".join(f"{{{word}}}" for word in language_names(code))
                    )


def check_own_rows(key: str, splits: Mapping[str, Sequence[str]], languages: Sequence[str]) -> None:
    """Refuse one file as the dev or test rows of several languages: each would have the scores of the same rows.

    Raises:
        ValueError: it names the key, what was found and what was expected.
    """
    for split, names in splits.items():
        shared = [name for name in names if "{" not in name]
        if shared and split != "train" and len(languages) > 1:
            raise ValueError(
                f"{key}.{split}: found {shared[0]!r} for {len(languages)} languages; expected a file for each, "
                "with {language} in its name"
            )
