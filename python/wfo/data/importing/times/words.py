"""Words of dates: blanks between them, names of months and weekdays in several languages."""
# ruff: noqa: RUF001  # letters of other scripts look like Latin ones

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import polars as pl

#: A letter of a name, for regular expressions: of any script, without the cost of all of Unicode.
LETTER: Final = r"[A-Za-z\u00c0-\u1fff\u3040-\ud7ff]"

#: Names of the months, January first; several of one month in several forms, apart by a slash.
MONTHS: Final[Mapping[str, str]] = {
    "English": "january/jan february/feb march/mar april/apr may june/jun july/jul august/aug "
    "september/sep/sept october/oct november/nov december/dec",
    "German": "januar/jan/jänner februar/feb/feber märz/mär/mrz/maerz april/apr mai juni/jun "
    "juli/jul august/aug september/sep/sept oktober/okt november/nov dezember/dez",
    "French": "janvier/janv/jan février/févr/fév mars/mar avril/avr mai juin juillet/juil "
    "août/aou septembre/sept octobre/oct novembre/nov décembre/déc",
    "Spanish": "enero/ene febrero/feb marzo/mar abril/abr mayo/may junio/jun julio/jul agosto/ago "
    "septiembre/setiembre/sep/sept/set octubre/oct noviembre/nov diciembre/dic",
    "Italian": "gennaio/gen febbraio/feb marzo/mar aprile/apr maggio/mag giugno/giu luglio/lug "
    "agosto/ago settembre/set/sett ottobre/ott novembre/nov dicembre/dic",
    "Portuguese": "janeiro/jan fevereiro/fev março/mar abril/abr maio/mai junho/jun julho/jul "
    "agosto/ago setembro/set outubro/out novembro/nov dezembro/dez",
    "Dutch": "januari/jan februari/feb maart/mrt april/apr mei juni/jun juli/jul augustus/aug "
    "september/sep/sept oktober/okt november/nov december/dec",
    "Danish": "januar/jan februar/feb marts/mar april/apr maj juni/jun juli/jul august/aug "
    "september/sep/sept oktober/okt november/nov december/dec",
    "Norwegian": "januar/jan februar/feb mars/mar april/apr mai juni/jun juli/jul august/aug "
    "september/sep/sept oktober/okt november/nov desember/des",
    "Swedish": "januari/jan februari/feb mars/mar april/apr maj juni/jun juli/jul augusti/aug "
    "september/sep/sept oktober/okt november/nov december/dec",
    "Finnish": "tammikuuta/tammikuu/tammi helmikuuta/helmikuu/helmi maaliskuuta/maaliskuu/maalis "
    "huhtikuuta/huhtikuu/huhti toukokuuta/toukokuu/touko kesäkuuta/kesäkuu/kesä "
    "heinäkuuta/heinäkuu/heinä elokuuta/elokuu/elo syyskuuta/syyskuu/syys "
    "lokakuuta/lokakuu/loka marraskuuta/marraskuu/marras joulukuuta/joulukuu/joulu",
    "Polish": "stycznia/styczeń/sty lutego/luty/lut marca/marzec/mar kwietnia/kwiecień/kwi "
    "maja/maj czerwca/czerwiec/cze lipca/lipiec/lip sierpnia/sierpień/sie września/wrzesień/wrz "
    "października/październik/paź listopada/listopad/lis grudnia/grudzień/gru",
    "Czech": "ledna/leden/led února/únor/úno března/březen/bře dubna/duben/dub května/květen/kvě "
    "června/červen/čvn července/červenec/čvc srpna/srpen/srp září/zář října/říjen/říj "
    "listopadu/listopad prosince/prosinec/pro",
    "Hungarian": "január/jan február/feb március/márc/már április/ápr május/máj június/jún "
    "július/júl augusztus/aug szeptember/szept/szep október/okt november/nov december/dec",
    "Romanian": "ianuarie/ian februarie/feb martie/mar aprilie/apr mai iunie/iun iulie/iul "
    "august/aug septembrie/sept/sep octombrie/oct noiembrie/noi/nov decembrie/dec",
    "Turkish": "ocak/oca şubat/şub mart/mar nisan/nis mayıs/may haziran/haz temmuz/tem "
    "ağustos/ağu eylül/eyl ekim/eki kasım/kas aralık/ara",
    "Russian": "января/январь/янв февраля/февраль/фев/февр марта/март/мар апреля/апрель/апр "
    "мая/май июня/июнь/июн июля/июль/июл августа/август/авг сентября/сентябрь/сен/сент "
    "октября/октябрь/окт ноября/ноябрь/ноя/нояб декабря/декабрь/дек",
    "Ukrainian": "січня/січень/січ лютого/лютий/лют березня/березень/бер квітня/квітень/кві "
    "травня/травень/тра червня/червень/чер липня/липень/лип серпня/серпень/сер "
    "вересня/вересень/вер жовтня/жовтень/жов листопада/листопад/лис грудня/грудень/гру",
    "Greek": "ιανουαρίου/ιανουάριος/ιαν φεβρουαρίου/φεβρουάριος/φεβ μαρτίου/μάρτιος/μαρ "
    "απριλίου/απρίλιος/απρ μαΐου/μάιος/μαϊ ιουνίου/ιούνιος/ιουν ιουλίου/ιούλιος/ιουλ "
    "αυγούστου/αύγουστος/αυγ σεπτεμβρίου/σεπτέμβριος/σεπ οκτωβρίου/οκτώβριος/οκτ "
    "νοεμβρίου/νοέμβριος/νοε δεκεμβρίου/δεκέμβριος/δεκ",
    "Indonesian": "januari/jan februari/feb maret/mar april/apr mei juni/jun juli/jul "
    "agustus/agu/ags september/sep oktober/okt november/nov desember/des",
}

#: Names of the weekdays, Monday first, in the same way.
WEEKDAYS: Final[Mapping[str, str]] = {
    "English": "monday/mon tuesday/tue/tues wednesday/wed thursday/thu/thur/thurs friday/fri "
    "saturday/sat sunday/sun",
    "German": "montag/mo dienstag/di mittwoch/mi donnerstag/do freitag/fr samstag/sonnabend/sa "
    "sonntag/so",
    "French": "lundi/lun mardi/mar mercredi/mer jeudi/jeu vendredi/ven samedi/sam dimanche/dim",
    "Spanish": "lunes/lun martes/mar miércoles/mié jueves/jue viernes/vie sábado/sáb domingo/dom",
    "Italian": "lunedì/lun martedì/mar mercoledì/mer giovedì/gio venerdì/ven sabato/sab "
    "domenica/dom",
    "Portuguese": "segunda/seg terça/ter quarta/qua quinta/qui sexta/sex sábado/sáb domingo/dom",
    "Dutch": "maandag/ma dinsdag/di woensdag/wo donderdag/do vrijdag/vr zaterdag/za zondag/zo",
    "Danish and Norwegian": "mandag/man tirsdag/tir onsdag/ons torsdag/tor fredag/fre "
    "lørdag/lør søndag/søn",
    "Swedish": "måndag/mån tisdag/tis onsdag/ons torsdag/tors/tor fredag/fre lördag/lör söndag/sön",
    "Finnish": "maanantai/ma tiistai/ti keskiviikko/ke torstai/to perjantai/pe lauantai/la "
    "sunnuntai/su",
    "Polish": "poniedziałek/pon/pn wtorek/wt środa/śr czwartek/czw/cz piątek/pt sobota/sob "
    "niedziela/niedz/nd",
    "Czech": "pondělí/po úterý/út středa/st čtvrtek/čt pátek/pá sobota/so neděle/ne",
    "Turkish": "pazartesi/pzt salı/sal çarşamba/çar perşembe/per cuma/cum cumartesi/cmt pazar/paz",
    "Russian": "понедельник/пн вторник/вт среда/ср четверг/чт пятница/пт суббота/сб воскресенье/вс",
    "Chinese and Japanese": "星期一/周一/月曜日/月 星期二/周二/火曜日/火 星期三/周三/水曜日/水 "
    "星期四/周四/木曜日/木 星期五/周五/金曜日/金 星期六/周六/土曜日/土 "
    "星期日/周日/星期天/日曜日/日",
    "Korean": "월요일/월 화요일/화 수요일/수 목요일/목 금요일/금 토요일/토 일요일/일",
}


def without_blanks(texts: pl.Series) -> pl.Series:
    """Return texts without blanks around them, and with one plain one where there are others."""
    plain = texts.str.strip_chars()
    if plain.str.contains(r"\s\s|[^\x20-\x7e]").any():
        plain = plain.str.replace_all(r"[\s\u00a0\u2009\u202f\u3000]+", " ").str.strip_chars()
    return plain


def without_quotes(texts: pl.Series) -> pl.Series:
    """Return texts without what spreadsheets keep them texts with, judged by the first one."""
    if not texts.head(1).str.contains("^(?:=\".*\"|'.*')$").all():
        return texts
    return texts.str.replace("^=?[\"'](.*)[\"']$", "$1")


def fold(word: str) -> str:
    """Return a word in lower case, without accents and without a point behind it."""
    # The dotless i of Turkish has no accent to lose.
    plain = unicodedata.normalize("NFKD", word.strip(" .").casefold().replace("ı", "i"))
    letters = "".join(c for c in plain if not unicodedata.combining(c))
    return unicodedata.normalize("NFC", letters)


@functools.cache
def months() -> Mapping[str, int]:
    """Return the number of each month, from 1, by its folded names."""
    return {
        fold(word): number
        for names in MONTHS.values()
        for number, forms in enumerate(names.split(), 1)
        for word in forms.split("/")
    }


@functools.cache
def weekdays() -> Mapping[str, frozenset[int]]:
    """Return the weekdays, Monday 1, by their folded names, several where languages disagree."""
    found: dict[str, set[int]] = {}
    for names in WEEKDAYS.values():
        for number, forms in enumerate(names.split(), 1):
            for word in forms.split("/"):
                found.setdefault(fold(word), set()).add(number)
    return {word: frozenset(days) for word, days in found.items()}
