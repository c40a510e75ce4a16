"""What the columns of a file are called in languages other than English.

One row a language, with every word that brokers, exchanges and sites write there; the rules are
those of `wfo.data.importing.headings.names`. Words of the last trade (``Ultimo``, ``Letzter``)
stand under `last`: where a file has a close of its own besides, that is read.
"""

from __future__ import annotations

from typing import Final

from wfo.data.importing.headings.languages_elsewhere import ELSEWHERE
from wfo.data.importing.headings.names import Names

#: Languages of Europe.
EUROPE: Final = (
    Names(
        of="German",
        vague="Tag",
        date="Datum | Handelstag | Handelsdatum | Börsentag | Kursdatum",
        time="Zeit | Uhrzeit",
        datetime="Zeitpunkt | Zeitstempel | Datum/Zeit | Datum Uhrzeit | Datum/Uhrzeit",
        open=(
            "Eröffnung | Eroeffnung | Eröffn. | Eröffnungskurs | Eroeffnungskurs | Erster | "
            "Offen | Anfangskurs | Startkurs | Eröffnungspreis | Eröff. | Erster Kurs"
        ),
        high=(
            "Hoch | Tageshoch | Höchst | Höchstkurs | Hoechstkurs | Höchster | Hochkurs | "
            "Höchstpreis"
        ),
        low=(
            "Tief | Tagestief | Tiefst | Tiefstkurs | Tiefkurs | Niedrigst | Tiefster | Tiefstpreis"
        ),
        close=(
            "Schluss | Schluß | Schlusskurs | Schlußkurs | Schlusspreis | Tagesschluss | "
            "Tagesendkurs | Schlusswert"
        ),
        last="Letzter | Zuletzt | Letzter Kurs | Schluss/Letzter | Letzt",
        price="Kurs | Preis",
        adj_close=(
            "Bereinigter Schlusskurs | Adj. Schlusskurs | "
            "Adj. Schluss | Schlusskurs bereinigt | Schlusskurs adj."
        ),
        # Pieces before 'Volumen', which is money where a file has both.
        volume=(
            "Stücke | Stuecke | Umsatz (Stück) | Umsatz Stück | Umsatz in Stück | Stück | Stueck | "
            "Volumen (Stück) | Volumen Stück | Stückumsatz | Volumen | Handelsvolumen | Umsatz | "
            "Gehandelte Stück"
        ),
    ),
    Names(
        of="French",
        date="Date de séance | Jour | Date séance",
        time="Heure",
        datetime="Date/Heure | Date et heure | Horodatage",
        open="Ouverture | Ouv. | Cours d'ouverture | Premier | Prix d'ouverture | Ouvert",
        high=(
            "Plus haut | Élevé | + haut | Haut | "
            "Le plus haut | Maximum | Cours le plus haut | Max | "
            "Plus-haut"
        ),
        low=(
            "Plus bas | Faible | + bas | Bas | Le plus bas | Minimum | Cours le plus bas | Min | "
            "Plus-bas"
        ),
        close="Clôture | Cloture | Cours de clôture | Fermeture | Clôt. | Prix de clôture | clot",
        last="Dernier | Dernier cours | Dern.",
        price="Cours | Prix",
        adj_close="Clôture ajustée | Cloture ajustée | Clôture ajust. | Cours ajusté",
        volume=(
            "Volumes | Vol. (titres) | Quantité | Volume échangé | Volume (titres) | "
            "Titres échangés"
        ),
    ),
    Names(
        of="Spanish",
        date="Fecha | Día",
        time="Hora",
        datetime="Fecha y hora | Fecha/Hora | Fecha Hora",
        open=(
            "Apertura | Abre | Precio de apertura | Abrir | Precio apertura | Inicial | Primero | "
            "Primer"
        ),
        high="Máximo | Máx. | Alto | Precio máximo | Máximos | Más alto",
        low="Mínimo | Mín. | Bajo | Precio mínimo | Mínimos | Más bajo",
        close="Cierre | Precio de cierre | Cerrar | Precio cierre",
        last="Último | Últ. | Último precio | Ultima cotización",
        price="Precio | Cotización",
        adj_close=(
            "Cierre ajustado | Cierre aj. | Cierre ajustado por dividendos | Cierre ajustado**"
        ),
        volume="Volumen | Títulos | Volumen (títulos) | Nº títulos | Volumen negociado | Acciones",
    ),
    Names(
        of="Italian",
        vague="Data",
        date="Data seduta | Giorno",
        time="Ora | Orario",
        datetime="Data e ora | Data/Ora | Data Ora",
        open="Apertura | Prezzo di apertura | Aperto | Prezzo apertura",
        high="Massimo | Max | Max. | Alto | Prezzo massimo | Massima",
        low="Minimo | Min | Min. | Basso | Prezzo minimo | Minima",
        close="Chiusura | Prezzo di chiusura | Chiuso | Prezzo chiusura",
        last="Ultimo | Ultimo prezzo | Ult.",
        price="Prezzo | Prezzo di riferimento",
        adj_close="Chiusura rettificata | Chiusura aggiustata | Chiusura agg.",
        volume="Volumi | Quantità | Volume scambiato | Quantità totale",
    ),
    Names(
        of="Portuguese",
        vague="Data",
        date="Data do pregão | Dia",
        time="Hora | Horário",
        datetime="Data e hora | Data/Hora | Data Hora",
        open="Abertura | Preço de abertura | Abrir | Aber. | Abert. | Preço abertura",
        high="Máxima | Máximo | Máx. | Alta | Alto | Preço máximo",
        low="Mínima | Mínimo | Mín. | Baixa | Baixo | Preço mínimo",
        close=(
            "Fechamento | Fecho | Preço de fechamento | Fech. | Encerramento | Preço de fecho | "
            "Fechar"
        ),
        last="Último | Última | Últ. | Último preço",
        price="Preço | Cotação",
        adj_close="Fechamento ajustado | Fecho ajustado | Fech. ajustado | Fechamento aj.",
        volume="Quantidade | Volume negociado | Quantidade negociada | Qtd. | Volume (títulos)",
    ),
    Names(
        of="Polish",
        vague="Data",
        date="Data sesji | Data notowania | Dzień",
        time="Czas | Godzina",
        datetime="Data i czas | Data i godzina | Data/Czas",
        open="Otwarcie | Kurs otwarcia | Otw. | Cena otwarcia",
        high=(
            "Najwyższy | Najwyzszy | Maksimum | Maks. | Max. | Kurs maksymalny | Maksymalny | "
            "Cena maksymalna"
        ),
        low="Najniższy | Najnizszy | Minimum | Min. | Kurs minimalny | Minimalny | Cena minimalna",
        close="Zamknięcie | Zamkniecie | Kurs zamknięcia | Zamk. | Zam. | Cena zamknięcia",
        last="Ostatnio | Ostatni | Ostatni kurs | Ost.",
        price="Kurs | Cena",
        adj_close="Zamknięcie skorygowane | Zamknięcie skor.",
        volume=(
            "Wolumen | Wol. | Wolumen obrotu | Wolumen (szt.) | Liczba akcji | "
            "Wolumen obrotu (w szt.)"
        ),
        open_interest="LOP",
    ),
    Names(
        of="Russian",
        date="Дата | Дата торгов | День | Торговый день",
        time="Время",
        datetime="Дата и время | Дата/время | Дата время",
        open="Открытие | Откр. | Цена открытия | Первая | Начало",
        high=(
            "Максимум | Макс. | Макс | Высокая | Максимальная | Цена максимум | Макс. цена | "
            "Максимальная цена"
        ),
        low="Минимум | Мин. | Мин | Низкая | Минимальная | Мин. цена | Минимальная цена | Низкий",
        close="Закрытие | Закр. | Цена закрытия",
        last="Последняя | Последний | Последняя цена | Посл. | Цена последней сделки",
        price="Цена | Курс | Котировка",
        adj_close="Скорректированная цена закрытия | Закрытие скорр.",
        volume="Объём | Объем | Об. | Объём торгов | Объем торгов | Количество | Объем, шт.",
    ),
    Names(
        of="Ukrainian",
        date="Дата торгів",
        time="Час",
        open="Відкриття | Відкр. | Ціна відкриття",
        high="Максимум | Макс. | Найвища",
        low="Мінімум | Мін. | Найнижча",
        close="Закриття | Закр. | Ціна закриття",
        last="Остання | Останній",
        price="Ціна",
        volume="Обсяг | Об'єм",
    ),
    Names(
        of="Dutch",
        date="Datum | Dag | Handelsdag",
        time="Tijd | Tijdstip",
        datetime="Datum/Tijd | Datum en tijd",
        open="Openen | Opening | Openingskoers | Eerste",
        high="Hoog | Hoogste | Hoogste koers | Dag hoog",
        low="Laag | Laagste | Laagste koers | Dag laag",
        close="Slot | Slotkoers | Sluiten | Sluiting | Slotstand",
        last="Laatst | Laatste | Laatste koers",
        price="Koers | Prijs",
        adj_close="Aangepaste slotkoers | Slot aangepast | Gecorrigeerde slotkoers",
        volume="Volumes | Aantal | Omzet stuks",
    ),
    Names(
        of="Swedish",
        date="Datum | Dag | Handelsdag",
        time="Tid | Klockslag",
        datetime="Datum/Tid | Datum och tid | Tidpunkt",
        open="Öppning | Öppen | Öppet | Öppna | Öppningskurs | Öppn. | Oppning | Öppningspris",
        high="Högst | Högsta | Hög | Högstakurs | Högsta kurs | Hogst | Högsta pris",
        low="Lägst | Lägsta | Låg | Lägstakurs | Lägsta kurs | Lagst | Lägsta pris",
        close="Stängning | Stängt | Slutkurs | Stäng | Stängningskurs | Stängningspris | Slut",
        last="Senast | Senaste | Sista",
        price="Kurs | Pris",
        adj_close="Justerad slutkurs | Justerad stängning",
        volume="Volym | Antal | Total volym | Antal aktier",
    ),
    Names(
        of="Norwegian and Danish",
        date="Dato | Dag | Handelsdag",
        time="Tid | Klokkeslett | Klokkeslæt | Tidspunkt",
        datetime="Dato/tid | Dato og tid",
        open=(
            "Åpning | Åbning | Åpen | Åpningskurs | Åbningskurs | Åben | Aapning | Aabning | "
            "Åpne | Åbn"
        ),
        high=(
            "Høy | Høj | Høyeste | Højeste | Høyest | Højest | Høyeste kurs | Hoy | Hoj | "
            "Dagens høyeste"
        ),
        low="Lav | Laveste | Lavest | Laveste kurs | Dagens laveste",
        close=(
            "Slutt | Slut | Lukke | Luk | Sluttkurs | Slutkurs | Lukkekurs | Stengning | Steng | "
            "Lukket"
        ),
        last="Siste | Seneste | Sist | Senest",
        price="Kurs | Pris",
        adj_close="Justert sluttkurs | Justeret slutkurs | Justert slutt",
        volume="Volum | Volumen | Antall | Antal | Antall aksjer | Mængde",
    ),
    Names(
        of="Finnish",
        date="Päivämäärä | Paivamaara | Päivä | Pvm | Pvm.",
        time="Aika | Kello | Kellonaika",
        datetime="Päivämäärä ja aika | Aikaleima",
        open="Avaus | Avauskurssi | Avaushinta | Avoinna",
        high="Ylin | Korkein | Päivän ylin | Ylin kurssi | Ylin hinta | Korkea",
        low="Alin | Matalin | Päivän alin | Alin kurssi | Alin hinta | Matala",
        close="Päätös | Päätöskurssi | Sulkeutuminen | Lopetus | Päätöshinta | Sulku | Sulkukurssi",
        last="Viimeisin | Viimeinen | Viim. | Viimeisin kurssi",
        price="Kurssi | Hinta",
        volume="Volyymi | Vaihto kpl | Määrä | Vaihto (kpl) | Kokonaisvolyymi",
    ),
    Names(
        of="Czech and Slovak",
        date="Datum | Dátum | Den | Deň | Obchodní den",
        time="Čas",
        datetime="Datum a čas | Datum/čas | Dátum a čas",
        open=(
            "Otevření | Otevírací | Otevírací cena | Otvorenie | Otváracia cena | Open kurz | "
            "Otevírací kurz"
        ),
        high="Maximum | Max. | Nejvyšší | Vysoká | Najvyššia | Nejvyšší cena | Denní maximum",
        low="Minimum | Min. | Nejnižší | Nízká | Najnižšia | Nejnižší cena | Denní minimum",
        close=(
            "Závěr | Zavření | Zavírací cena | Uzavření | Záver | Zatvorenie | Závěrečný kurz | "
            "Zavírací kurz | Závěrečná cena"
        ),
        last="Poslední | Posledná | Poslední cena",
        price="Cena | Kurz",
        volume="Objem | Objem (ks) | Objem ks | Počet kusů | Počet ks",
    ),
    Names(
        of="Hungarian",
        date="Dátum | Nap | Kereskedési nap",
        time="Idő | Időpont",
        datetime="Dátum és idő | Dátum/idő | Dátum időpont",
        open="Nyitó | Nyitás | Nyitóár | Nyitó ár | Nyitó árfolyam",
        high=(
            "Maximum | Max. | Max. ár | Maximum ár | Legmagasabb | Max | Magas | Napi maximum | "
            "Legmagasabb ár"
        ),
        low=(
            "Minimum | Min. | Min. ár | Minimum ár | Legalacsonyabb | Min | Alacsony | "
            "Napi minimum | Legalacsonyabb ár"
        ),
        close="Záró | Zárás | Záróár | Záró ár | Záró árfolyam",
        last="Utolsó | Utolsó ár | Legutóbbi",
        price="Ár | Árfolyam",
        volume="Forgalom (db) | Volumen | Mennyiség | Forgalom db | Darab | Forgalom (darab)",
    ),
    Names(
        of="Romanian",
        vague="Data",
        date="Ziua | Data ședinței",
        time="Ora",
        datetime="Data și ora",
        open="Deschidere | Preț deschidere | Deschid. | Preţ deschidere | Deschis",
        high="Maxim | Max. | Preț maxim | Maximă | Ridicat",
        low="Minim | Min. | Preț minim | Minimă | Scăzut",
        close="Închidere | Preț închidere | Inchidere | Preţ închidere | Închis",
        last="Ultimul | Ultim | Ultimul preț",
        price="Preț | Preţ | Pret | Curs",
        volume="Volum | Cantitate | Nr. acțiuni",
    ),
    Names(
        of="Turkish",
        date="Tarih | Gün | İşlem tarihi",
        time="Saat | Zaman",
        datetime="Tarih ve saat | Tarih/Saat | Tarih Saat",
        open="Açılış | Acilis | Açılış fiyatı | Açılış (TL) | Aç",
        high="Yüksek | En yüksek | Yuksek | Maks. | En yüksek fiyat",
        low="Düşük | En düşük | Dusuk | Min. | En düşük fiyat",
        close="Kapanış | Kapanis | Kapanış fiyatı | Kapanış (TL) | Kap.",
        last="Şimdi | Son | Son fiyat | Simdi",
        price="Fiyat",
        adj_close="Düzeltilmiş kapanış | Düz. kapanış",
        volume="Hacim (Lot) | Hac. | Hacim | Miktar | İşlem miktarı | Lot | Hacim (Adet)",
    ),
    Names(
        of="Greek",
        date="Ημερομηνία | Ημ/νία | Ημέρα | Ημερομηνια",
        time="Ώρα",
        datetime="Ημερομηνία και ώρα | Ημερομηνία/Ώρα",
        open="Άνοιγμα | Τιμή ανοίγματος | Ανοιγμα",
        high="Υψηλό | Υψηλή | Ανώτατη | Μέγιστο | Υψηλότερο | Ανώτερη | Μέγιστη | Υψηλ.",
        low="Χαμηλό | Χαμηλή | Κατώτατη | Ελάχιστο | Χαμηλότερο | Κατώτερη | Ελάχιστη | Χαμηλ.",
        close="Κλείσιμο | Τιμή κλεισίματος",
        last="Τελευταία | Τελευταίο | Τελευταία τιμή",
        price="Τιμή",
        volume="Όγκος | Όγκ. | Όγκος συναλλαγών | Τεμάχια",
    ),
    Names(
        of="Bulgarian, Serbian and Croatian",
        date="Datum | Датум | Datum trgovanja",
        time="Vrijeme | Vreme | Час",
        open=(
            "Отваряне | Otvaranje | Отварање | Prva | Početna | Otvorio | Početna cijena | "
            "Prva cijena"
        ),
        high="Висока | Najviša | Najviše | Највиша | Најв. | Visoko | Максимум | Najviša cijena",
        low="Ниска | Najniža | Najniže | Најнижа | Nisko | Минимум | Najniža cijena",
        close="Затваряне | Zatvaranje | Затварање | Zaključna | Zaključna cijena | Zatvorio",
        last="Последна | Zadnja | Poslednja | Zadnja cijena | Zadnje",
        price="Цена | Cijena | Cena",
        volume="Обем | Količina | Obujam | Obim",
    ),
)

LANGUAGES: Final = (*EUROPE, *ELSEWHERE)
