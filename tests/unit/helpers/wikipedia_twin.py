"""A tiny Wikipedia in every language of the raw text, as its repository on the Hub has it."""

import io
from collections.abc import Iterable

import pyarrow
from hub_server import Hub
from pyarrow import parquet

from xstilts.data.fetching.wikipedia import DUMP, REPOSITORY

UNSPACED = ("zh", "ja")
SENTENCES = {  # of each language some that follow one another, with what looks like the end of a sentence and is none
    "af": [
        "Kaapstad lê aan die kus van Suid-Afrika.",
        "Wie het die stad in 1652 gestig?",
        "Die berg is 1 085 meter hoog!",
    ],
    "ar": ["تقع مدينة القاهرة على ضفاف نهر النيل.", "من أسس هذه المدينة القديمة؟", "يسكنها ملايين الناس اليوم!"],
    "bg": ["София е столицата на България.", "Кой е основал този стар град?", "Реката е дълга 368 километра."],
    "bn": ["ঢাকা বাংলাদেশের রাজধানী শহর।", "এই শহর কে প্রতিষ্ঠা করেছিলেন?", "এখানে অনেক মানুষ বাস করেন।"],
    "de": [
        "Am 3. Oktober 1990 kam es z. B. in Berlin zu Feiern.",
        "Wer hat Dr. Müller dort gesehen?",
        "Das weiß niemand so genau.",
    ],
    "el": ["Η Αθήνα είναι η πρωτεύουσα της Ελλάδας.", "Ποιος ίδρυσε αυτή την πόλη;", "Κανείς δεν το γνωρίζει σήμερα."],
    "en": [
        "Dr. Ada Lovelace (b. 1815) wrote notes on the engine.",
        "Was it e.g. for the U.S. Army?",
        "It weighed 3.5 tons in the end!",
    ],
    "es": ["El Sr. Pérez nació en Sevilla.", "¿Quién fundó la ciudad antigua?", "¡Nadie lo sabe hoy en día!"],
    "et": ["Tallinn on Eesti pealinn ja suurim linn.", "Kes selle vana linna rajas?", "Seda ei tea tänapäeval keegi."],
    "eu": ["Bilbo Bizkaiko hiriburua da.", "Nork sortu zuen hiri zaharra?", "Inork ez daki gaur egun hori."],
    "fa": ["تهران پایتخت و بزرگ‌ترین شهر ایران است.", "چه کسی این شهر را ساخته است؟", "امروز کسی این را نمی‌داند."],
    "fi": ["Helsinki on Suomen pääkaupunki.", "Kuka perusti tämän kaupungin?", "Sitä ei tiedä kukaan nykyään."],
    "fr": [
        "La ville se trouve au bord de la Seine.",
        "Qui a fondé cette vieille ville ?",
        "Personne ne le sait aujourd'hui !",
    ],
    "he": ["ירושלים היא עיר הבירה של ישראל.", "מי ייסד את העיר העתיקה הזאת?", "איש אינו יודע זאת כיום."],
    "hi": ["दिल्ली भारत की राजधानी है।", "इस पुराने शहर को किसने बसाया?", "आज यह कोई नहीं जानता।"],
    "hu": ["Budapest Magyarország fővárosa.", "Ki alapította ezt a régi várost?", "Ezt ma már senki sem tudja."],
    "id": ["Jakarta terletak di pulau Jawa.", "Siapa yang mendirikan kota itu?", "Tidak ada yang tahu sekarang ini."],
    "it": ["Il dott. Rossi nacque a Bologna.", "Chi ha fondato la città antica?", "Oggi non lo sa più nessuno!"],
    "ja": ["東京は日本の首都である。", "この古い町を作ったのは誰か？", "今では誰も知らない。"],
    "jv": ["Surakarta iku kutha ing Jawa Tengah.", "Sapa sing ngedegake kutha iki?", "Saiki ora ana sing ngerti."],
    "ka": ["თბილისი საქართველოს დედაქალაქია.", "ვინ დააარსა ეს ქალაქი?", "დღეს ეს არავინ იცის."],
    "kk": ["Астана — Қазақстанның астанасы.", "Бұл қаланы кім салған?", "Қазір оны ешкім білмейді."],
    "ko": ["서울은 대한민국의 수도이다.", "이 오래된 도시를 누가 세웠는가?", "지금은 아무도 모른다."],
    "ml": ["തിരുവനന്തപുരം കേരളത്തിന്റെ തലസ്ഥാനമാണ്.", "ഈ നഗരം സ്ഥാപിച്ചത് ആരാണ്?", "ഇന്ന് ആർക്കും അറിയില്ല."],
    "mr": ["मुंबई ही महाराष्ट्राची राजधानी आहे.", "हे शहर कोणी वसवले आहे?", "आज ते कोणालाच माहीत नाही."],
    "ms": [
        "Kuala Lumpur ialah ibu negara Malaysia.",
        "Siapakah yang mengasaskan bandar ini?",
        "Tiada sesiapa yang tahu kini.",
    ],
    "my": ["ရန်ကုန်သည် မြန်မာနိုင်ငံ၏ အကြီးဆုံးမြို့ ဖြစ်သည်။", "ဤမြို့ကို မည်သူ တည်ထောင်ခဲ့သနည်း။", "ယနေ့ မည်သူမျှ မသိကြပါ။"],
    "nl": [
        "Amsterdam is de hoofdstad van Nederland.",
        "Wie heeft de oude stad gesticht?",
        "Dat weet tegenwoordig niemand.",
    ],
    "pt": ["Lisboa fica na foz do rio Tejo.", "Quem fundou esta cidade antiga?", "Hoje em dia ninguém o sabe!"],
    "ru": ["А. С. Пушкин родился в Москве.", "Кто основал этот старый город?", "Сегодня этого никто не знает."],
    "sw": ["Dodoma ni mji mkuu wa Tanzania.", "Nani aliyeanzisha mji huo?", "Leo hakuna mtu anayejua hilo."],
    "ta": ["சென்னை தமிழ்நாட்டின் தலைநகரம்.", "இந்த நகரத்தை நிறுவியவர் யார்?", "இன்று யாருக்கும் தெரியாது."],
    "te": ["హైదరాబాద్ తెలంగాణ రాజధాని.", "ఈ నగరాన్ని ఎవరు స్థాపించారు?", "నేడు ఎవరికీ తెలియదు."],
    "th": [
        "กรุงเทพมหานครเป็นเมืองหลวงของประเทศไทย ตั้งอยู่ริมแม่น้ำเจ้าพระยา",
        "พระบาทสมเด็จพระพุทธยอดฟ้าจุฬาโลกทรงสถาปนาเมื่อ พ.ศ. 2325 เป็นราชธานี",
        "ปัจจุบันมีประชากรหลายล้านคน",
    ],
    "tl": [
        "Ang Maynila ay kabisera ng Pilipinas.",
        "Sino ang nagtatag ng lungsod na ito?",
        "Walang nakakaalam nito ngayon.",
    ],
    "tr": ["Ankara Türkiye'nin başkentidir.", "Bu eski şehri kim kurmuş olabilir?", "Bugün bunu kimse bilmiyor."],
    "ur": ["اسلام آباد پاکستان کا دارالحکومت ہے۔", "اس پرانے شہر کو کس نے بسایا؟", "آج یہ کوئی نہیں جانتا۔"],
    "vi": ["Hà Nội là thủ đô của Việt Nam.", "Ai đã lập nên thành phố này?", "Ngày nay không ai còn biết."],
    "yo": ["Ìbàdàn jẹ́ ìlú ńlá ní Nàìjíríà.", "Ta ni ó dá ìlú yìí sílẹ̀?", "Kò sí ẹni tí ó mọ̀ lónìí."],
    "zh": ["北京是中华人民共和国的首都。", "这座古城是谁建立的呢？", "今天已经没有人知道了。"],
}


def paragraph(language: str, number: int) -> list[str]:
    """The sentences of a language, made others by a number in each."""
    return [f"{one[:-1]} {number}{one[-1]}" for one in SENTENCES[language]]


def article(language: str, number: int) -> str:
    """Two paragraphs under a heading."""
    joint = "" if language in UNSPACED else " "
    parts = [joint.join(paragraph(language, n) if n else SENTENCES[language]) for n in (number, number + 5000)]
    return f"{parts[0]}\n\n1. A\n{parts[1]}\n"


def table(texts: Iterable[str], row_group: int = 2, compression: str = "snappy") -> bytes:
    """A file of the repository; each row group has so many articles."""
    rows = [{"id": f"{n}", "url": f"https://wiki/{n}", "title": f"T{n}", "text": text} for n, text in enumerate(texts)]
    buffer = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(rows), buffer, row_group_size=row_group, compression=compression)
    return buffer.getvalue()


def publish(hub: Hub, articles: int = 6, languages: Iterable[str] = tuple(SENTENCES)) -> None:
    """Put the repository on the Hub: English in three files, the others in one."""
    for language in languages:
        content = table(article(language, number) for number in range(articles))
        last = 3 if language == "en" else 1
        files = {f"{DUMP}.{language}/train-{n:05d}-of-{last:05d}.parquet": content for n in range(last)}
        hub.put(f"datasets/{REPOSITORY}", **files)
