"""What the columns of a file are called in languages from outside Europe.

As `wfo.data.importing.headings.languages`, which has the rules.
"""

from __future__ import annotations

from typing import Final

from wfo.data.importing.headings.names import Names

ELSEWHERE: Final = (
    Names(
        of="Hebrew",
        date="תאריך",
        time="שעה",
        open="פתיחה | שער פתיחה",
        high="גבוה | שער גבוה",
        low="נמוך | שער נמוך",
        close="סגירה | שער נעילה | שער סגירה | נעילה",
        last="אחרון | שער אחרון",
        price="שער | מחיר",
        volume="נפח | מחזור (יחידות) | כמות",
    ),
    Names(
        of="Arabic",
        date="التاريخ | تاريخ",
        time="الوقت | الساعة",
        open="الافتتاح | افتتاح | الإفتتاح | سعر الافتتاح | مفتوح | فتح",
        high="الأعلى | أعلى | اعلى | الاعلى | عالي | مرتفع | أعلى سعر",
        low="الأدنى | أدنى | ادنى | الادنى | منخفض | أدنى سعر | الأقل",
        close="الإغلاق | إغلاق | الاغلاق | سعر الإغلاق | اغلاق",
        last="الأخير | آخر | آخر سعر | أخير",
        price="السعر",
        volume="الحجم | حجم | حجم التداول | الكمية",
    ),
    Names(
        of="Persian",
        date="تاریخ",
        time="ساعت | زمان",
        open="اولین | باز | قیمت باز شدن",
        high="بیشترین | بالاترین",
        low="کمترین | پایین‌ترین",
        close="پایانی | قیمت پایانی | بسته",
        last="آخرین | آخرین معامله",
        price="قیمت",
        volume="حجم معاملات | تعداد سهام",
    ),
    Names(
        of="Hindi",
        date="दिनांक | तारीख | तिथि",
        time="समय",
        open="खुला | खुलना | ओपन",
        high="उच्च | उच्चतम | हाई",
        low="निम्न | न्यूनतम | कम",
        close="बंद | बंद भाव",
        last="अंतिम | नवीनतम",
        price="मूल्य | भाव | कीमत",
        volume="वॉल्यूम | मात्रा",
    ),
    Names(
        of="Thai",
        date="วันที่ | วันเดือนปี",
        time="เวลา",
        open="เปิด | ราคาเปิด",
        high="สูงสุด | สูง | ราคาสูงสุด",
        low="ต่ำสุด | ต่ำ | ราคาต่ำสุด",
        close="ปิด | ราคาปิด",
        last="ล่าสุด | ราคาล่าสุด",
        price="ราคา",
        volume="ปริมาณ | ปริมาณ (หุ้น) | ปริมาณการซื้อขาย",
    ),
    Names(
        of="Vietnamese",
        date="Ngày | Ngày giao dịch | Ngay",
        time="Giờ | Thời gian",
        open="Mở | Mở cửa | Giá mở cửa | Mo",
        high="Cao | Cao nhất | Giá cao nhất",
        low="Thấp | Thấp nhất | Giá thấp nhất | Thap",
        close="Đóng | Đóng cửa | Giá đóng cửa | Dong cua",
        last="Lần cuối | Cuối | Giá cuối",
        price="Giá",
        adj_close="Giá điều chỉnh | Giá đóng cửa điều chỉnh",
        volume="KL | Khối lượng | KLGD | Khối lượng giao dịch | KL khớp lệnh",
    ),
    Names(
        of="Indonesian and Malay",
        date="Tanggal | Tarikh | Tgl",
        time="Waktu | Jam | Masa",
        open="Pembukaan | Buka | Harga pembukaan | Dibuka",
        high="Tertinggi | Tinggi | Harga tertinggi",
        low="Terendah | Rendah | Harga terendah",
        close="Penutupan | Tutup | Harga penutupan | Ditutup",
        last="Terakhir | Harga terakhir",
        price="Harga",
        adj_close="Penutupan disesuaikan",
        volume="Volum | Isipadu | Volume perdagangan",
    ),
    Names(
        of="Japanese",
        date="日付 | 日付け | 年月日 | 取引日 | 営業日",
        time="時刻 | 時間",
        datetime="日時",
        open="始値 | 始め値 | 寄付 | 寄り付き | 初値 | 始値(円)",
        high="高値 | 最高値 | 高値(円)",
        low="安値 | 最安値 | 安値(円)",
        close="終値 | 終わり値 | 引け値 | 終値(円)",
        last="現在値 | 現値 | 直近値",
        price="価格 | 株価",
        adj_close=(
            "調整後終値 | 終値調整値 | 調整済終値 | 調整後終値* | 修正後終値 | 株式分割調整後終値"
        ),
        volume="出来高 | 売買高 | 取引量 | 出来高(株)",
    ),
    Names(
        of="Chinese",
        date="日期 | 交易日期 | 交易日 | 年月日 | 日",
        time="时间 | 時間 | 交易时间 | 时刻",
        datetime="日期时间 | 日期時間 | 交易时间戳",
        open=(
            "开盘 | 開盤 | 开盘价 | 開盤價 | 開市 | 今开 | 開市價 | 开盘价(元) | 开市 | 开 | 開 | "
            "今開"
        ),
        high="最高 | 最高价 | 最高價 | 高 | 最高价(元) | 最高盘 | 高位",
        low="最低 | 最低价 | 最低價 | 低 | 最低价(元) | 低位",
        close="收盘 | 收盤 | 收盘价 | 收盤價 | 收市 | 收市價 | 收盘价(元) | 收市价 | 收",
        last="最新价 | 最新 | 最新價 | 現價 | 现价 | 成交价 | 成交價",
        price="价格 | 價格",
        adj_close=(
            "复权收盘价 | 前复权收盘价 | 調整後收盤價 | 调整后收盘价 | 经调整收盘价 | 還原收盤價"
        ),
        volume=(
            "成交量 | 交易量 | 成交股數 | 成交股数 | 成交量(股) | 成交量(手) | 总手 | 量 | 成交數量"
        ),
    ),
    Names(
        of="Korean",
        date="날짜 | 일자 | 거래일 | 거래일자",
        time="시간 | 시각",
        datetime="일시 | 날짜시간",
        open="시가 | 오픈 | 시작가",
        high="고가 | 최고가 | 최고 | 높음",
        low="저가 | 최저가 | 최저 | 낮음",
        close="종가 | 마감가 | 종가(원)",
        last="현재가 | 최종",
        price="가격 | 체결가",
        adj_close="수정종가 | 수정주가",
        volume="거래량 | 거래량(주)",
    ),
)
