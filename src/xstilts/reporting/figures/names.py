"""What languages are called in figures, and which stand together: English first, then by family."""

FAMILIES = {
    "Germanic": {"en": "English", "af": "Afrikaans", "de": "German", "nl": "Dutch"},
    "Romance": {
        **{"es": "Spanish", "fr": "French", "ht": "Haitian", "it": "Italian", "pt": "Portuguese"},
        "ro": "Romanian",
    },
    "Slavic and Baltic": {"bg": "Bulgarian", "lt": "Lithuanian", "pl": "Polish", "ru": "Russian", "uk": "Ukrainian"},
    "Greek": {"el": "Greek"},
    "Indo-Iranian": {
        **{"bn": "Bengali", "fa": "Persian", "gu": "Gujarati", "hi": "Hindi", "mr": "Marathi", "pa": "Punjabi"},
        "ur": "Urdu",
    },
    "Uralic": {"et": "Estonian", "fi": "Finnish", "hu": "Hungarian"},
    "Basque": {"eu": "Basque"},
    "Kartvelian": {"ka": "Georgian"},
    "Turkic": {"az": "Azerbaijani", "kk": "Kazakh", "tr": "Turkish"},
    "Semitic": {"ar": "Arabic", "he": "Hebrew"},
    "Niger-Congo": {"sw": "Swahili", "wo": "Wolof", "yo": "Yoruba"},
    "Dravidian": {"ml": "Malayalam", "ta": "Tamil", "te": "Telugu"},
    "Sino-Tibetan": {"my": "Burmese", "zh": "Mandarin"},
    "Japonic": {"ja": "Japanese"},
    "Koreanic": {"ko": "Korean"},
    "Kra-Dai": {"th": "Thai"},
    "Austroasiatic": {"vi": "Vietnamese"},
    "Austronesian": {"id": "Indonesian", "jv": "Javanese", "ms": "Malay", "tl": "Tagalog"},
    "Quechuan": {"qu": "Quechua"},
}
NAMES = {code: name for family in FAMILIES.values() for code, name in family.items()}
FAMILY = {code: name for name, family in FAMILIES.items() for code in family}
ORDER = list(NAMES)


def language_name(code: str) -> str:
    """Return a language's English name; one that was generated, or is not known here, keeps its code."""
    return NAMES.get(code, code)


def by_family(codes: list[str]) -> list[str]:
    """Return languages in the order of the families, those without one behind, in the order given."""
    return sorted(codes, key=lambda code: ORDER.index(code) if code in NAMES else len(ORDER))
