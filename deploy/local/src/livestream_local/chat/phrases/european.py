"""Languages of Europe in Latin, Cyrillic and Greek script."""

from livestream_local.chat.phrases import Exchange, Language

SPANISH = Language(
    exchanges=(
        Exchange("¡Buenos días a todos!", ("¡Buenos días!", "Hola, ¿qué tal?", "Buenas ☕", "¡Muy buenas!")),
        Exchange(
            "¿Alguien ha visto el partido de anoche?",
            ("¡Qué final!", "No, me quedé dormido.", "El segundo gol fue increíble ⚽", "Mejor no hablemos de eso."),
        ),
        Exchange(
            "¿A qué hora quedamos mañana?",
            (
                "A las {time}, ¿no?",
                "Yo puedo a partir de las {time}.",
                "Cuando queráis.",
                "¿Y si lo dejamos para el {day}?",
            ),
        ),
        Exchange(
            "¿Quién se apunta a comer {dish}?",
            ("¡Yo!", "Cuenta conmigo.", "Hoy no puedo 😔", "¿En el sitio de siempre?", "Solo si hay postre."),
        ),
        Exchange(
            "Hoy hace {n} grados y todavía es por la mañana 🥵",
            ("Aquí igual.", "Y luego dicen que refresca.", "En el norte llueve, si quieres cambiamos.", "¡A la playa!"),
        ),
    ),
    reactions=("jaja", "¡qué bueno!", "claro", "ya ves", "👏", "totalmente", "¡anda!", "😂", "pues sí", "qué va"),
    thanks=("¡gracias!", "mil gracias", "perfecto, gracias 🙌", "muchas gracias a todos"),
    names=("lucía", "mateo", "sofía", "iñaki", "begoña", "joaquín", "núria", "andrés", "maría_josé", "álvaro"),
    slots={"day": ("lunes", "martes", "jueves", "sábado"), "dish": ("paella", "tortilla", "gazpacho", "croquetas")},
)

FRENCH = Language(
    exchanges=(
        Exchange("Bonjour tout le monde !", ("Bonjour !", "Salut, ça va ?", "Coucou ☕", "Bien le bonjour.")),
        Exchange(
            "Quelqu’un connaît une bonne boulangerie près de la gare ?",
            ("Celle en face, sans hésiter 🥐", "Oui, mais elle ferme à {time}.", "Évite la première rue à gauche."),
        ),
        Exchange(
            "Le métro est encore arrêté…",
            (
                "Depuis {time}, oui.",
                "À pied, ça prend {n} minutes.",
                "Comme chaque {day}.",
                "J’ai pris le vélo, moi 🚲",
            ),
        ),
        Exchange(
            "Vous avez déjà préparé {dish} ?",
            (
                "Une fois, jamais plus.",
                "C’est plus facile qu’on ne croit.",
                "Ma grand-mère, oui.",
                "J’ai une recette : {link}",
            ),
        ),
        Exchange(
            "Qui vient au concert {day} soir ?",
            (
                "Moi !",
                "Il reste des places ?",
                "J’aimerais bien, mais je garde les enfants.",
                "On se retrouve à {time} ?",
            ),
        ),
    ),
    reactions=("mdr", "ah bon ?", "exactement", "pas mal", "👏", "c’est noté", "oh là là", "😅", "génial", "bof"),
    thanks=("merci !", "merci beaucoup", "super, merci 🙏", "c’est parfait, merci à vous"),
    names=("zoé", "émile", "chloé", "rené", "françois", "anaïs", "jérôme", "hélène", "maëlle", "loïc"),
    slots={"day": ("lundi", "mardi", "jeudi", "samedi"), "dish": ("un cassoulet", "des crêpes", "une bouillabaisse")},
)

GERMAN = Language(
    exchanges=(
        Exchange("Guten Morgen zusammen", ("Moin!", "Morgen!", "Grüß euch ☀️", "Guten Morgen, erst mal Kaffee.")),
        Exchange(
            "Hat jemand am {day} Zeit für eine Radtour?",
            ("Wenn es nicht regnet.", "Gern, wie weit?", "Ab {time} bin ich dabei.", "Leider nein, Familienfest."),
        ),
        Exchange(
            "Weiß jemand, wie lange {dish} in den Ofen muss?",
            ("Ungefähr {n} Minuten.", "Bis die Kruste goldbraun ist.", "Steht hier: {link}", "Länger, als man denkt."),
        ),
        Exchange(
            "Die Bahn hat {n} Minuten Verspätung 🚆",
            ("Also pünktlich.", "Gleiswechsel nicht vergessen!", "Meine fällt ganz aus.", "Das schaffst du noch."),
        ),
        Exchange(
            "Heißt es „der“ oder „das“ Joghurt?",
            ("Der.", "Das!", "Beides geht.", "In Österreich: das.", "Jetzt geht das wieder los 😄"),
        ),
    ),
    reactions=("haha", "stimmt", "genau", "ach so", "👍", "na ja", "sehr schön", "😄", "ach was", "läuft"),
    thanks=("danke!", "vielen Dank", "super, danke euch 🙏", "das hat geholfen, danke"),
    names=("jürgen", "käthe", "björn", "sören", "annegret", "günther", "lärche", "grete", "matthäus", "weiß_nicht"),
    slots={
        "day": ("Montag", "Mittwoch", "Freitag", "Sonntag"),
        "dish": ("der Zwiebelkuchen", "das Roggenbrot", "der Apfelstrudel"),
    },
)

PORTUGUESE = Language(
    exchanges=(
        Exchange("Bom dia, pessoal!", ("Bom dia!", "Oi, tudo bem?", "Bom dia ☕", "E aí, gente!")),
        Exchange(
            "Alguém vai à praia no {day}?",
            ("Eu vou!", "Se não chover.", "Não posso, trabalho até as {time}.", "Levo o guarda-sol ⛱️"),
        ),
        Exchange(
            "Como se faz um bom {dish}?",
            (
                "Com paciência.",
                "Uns {n} minutos em fogo baixo.",
                "A receita da minha avó: {link}",
                "Sem pressa nenhuma.",
            ),
        ),
        Exchange(
            "Gente, que chuva foi essa ontem?",
            ("Alagou a rua toda.", "Aqui nem caiu uma gota.", "Fiquei {n} minutos esperando passar.", "Adorei 🌧️"),
        ),
        Exchange(
            "Alguém indica um filme para hoje à noite?",
            ("“Central do Brasil”, sempre.", "Algo leve ou para chorar?", "Vi um ótimo: {link}", "Bacurau!"),
        ),
        Exchange(
            "Que música é essa?", ("Não faço ideia.", "É linda, né?", "Acho que é esta: {link}", "Um clássico 🎶")
        ),
    ),
    reactions=("kkkk", "é verdade", "que legal", "poxa", "👏", "com certeza", "nossa!", "😍", "pois é"),
    thanks=("obrigado!", "obrigada, gente", "valeu 🙏", "muito obrigado"),
    names=("joão", "inês", "conceição", "tomé", "antónia", "césar", "lívia", "simão"),
    slots={"day": ("domingo", "sábado", "feriado"), "dish": ("feijão", "bacalhau", "pão de queijo")},
)

POLISH = Language(
    exchanges=(
        Exchange("Dzień dobry wszystkim!", ("Dzień dobry!", "Cześć 👋", "Hej, co słychać?", "Witam przy kawie ☕")),
        Exchange(
            "Ktoś jedzie w weekend w góry?",
            ("Ja, w sobotę rano.", "Zależy od pogody.", "Chętnie dołączę!", "W Tatrach leży już śnieg ❄️"),
        ),
        Exchange(
            "Pociąg spóźniony o {n} minut…",
            ("Jak zwykle.", "Mój też.", "Zdążysz na herbatę.", "Podobno z powodu śniegu."),
        ),
        Exchange(
            "Co teraz czytacie?",
            ("Lema, jak zawsze.", "Kryminał z biblioteki.", "Nic, brak czasu.", "Tokarczuk, polecam 📚"),
        ),
        Exchange(
            "O której jutro spotkanie?",
            ("O {time}.", "Chyba odwołane.", "Sprawdź tutaj: {link}", "Mnie nie będzie, przepraszam."),
        ),
        Exchange("Pierogi ruskie czy z kapustą?", ("Ruskie!", "Z kapustą i grzybami.", "I te, i te 😋", "Z jagodami.")),
    ),
    reactions=("haha", "właśnie", "no tak", "świetnie", "👍", "o rany", "zgadzam się", "😅"),
    thanks=("dzięki!", "dziękuję bardzo", "wielkie dzięki 🙏"),
    names=("łukasz", "żaneta", "paweł", "agnieszka", "grześ", "małgorzata", "święty_spokój"),
    slots={},
)

TURKISH = Language(
    exchanges=(
        Exchange("Günaydın herkese!", ("Günaydın!", "Selam, nasılsın?", "Günaydın, çay hazır ☕", "Merhaba 👋")),
        Exchange(
            "İstanbul'da yağmur var mı?",
            ("Evet, sabahtan beri.", "Burada güneş açtı ☀️", "Şemsiyeni unutma.", "Akşama duracakmış."),
        ),
        Exchange(
            "En iyi börek nerede yenir?",
            ("Annemin mutfağında.", "Köşedeki fırında.", "Şuraya bak: {link}", "Sabah erken gitmek lazım."),
        ),
        Exchange(
            "Son zamanlarda ne izlediniz?",
            ("Eski bir film, çok güzeldi.", "Hiçbir şey, vakit yok.", "Belgesel öneririm.", "Maç 😄"),
        ),
        Exchange(
            "Kedim klavyenin üstünde uyuyor 🐈",
            ("Fotoğraf lütfen!", "Bizimki de.", "Artık onun bilgisayarı.", "Uyandırma sakın."),
        ),
        Exchange(
            "Bu akşam kaçta buluşuyoruz?",
            ("Saat {time} iyi mi?", "Bana uyar.", "Biraz gecikeceğim.", "Her zamanki yerde mi?"),
        ),
    ),
    reactions=("aynen", "çok iyi", "vay be", "👏", "evet ya", "😂", "güzel"),
    thanks=("teşekkürler!", "çok sağ ol", "eyvallah 🙏"),
    names=("ayşe", "çağlar", "güneş", "ömer", "ışıl", "şebnem"),
    slots={},
)

RUSSIAN = Language(
    exchanges=(
        Exchange("Всем доброе утро!", ("Доброе утро!", "Привет 👋", "Доброе. Кофе уже готов ☕", "Здравствуйте!")),
        Exchange(
            "Кто-нибудь смотрел вчера «{film}»?",
            ("Да, отличный фильм.", "Заснул на середине.", "Смотрю каждый год.", "Ещё нет, без спойлеров!"),
        ),
        Exchange(
            "Как варить хороший борщ?",
            (
                "Свёклу отдельно.",
                "Часа два, не меньше.",
                "Вот рецепт: {link}",
                "Бабушка знает 😊",
                "Главное — сметана.",
            ),
        ),
        Exchange(
            "За окном минус {n}…",
            ("Тепло ещё!", "Оденься потеплее.", "У нас дождь.", "Зато солнце ☀️"),
        ),
        Exchange(
            "Во сколько завтра созвон?",
            ("В {time}.", "Давайте перенесём на полчаса.", "Мне удобно в любое время.", "Его отменили."),
        ),
    ),
    reactions=("ага", "точно", "ничего себе", "😂", "согласен", "👍", "вот это да", "бывает", "ха-ха"),
    thanks=("спасибо!", "большое спасибо", "супер, спасибо 🙏", "помогло, спасибо всем"),
    names=("наташа", "дмитрий", "оля", "миша", "катя", "сергей_к", "женя", "тихий_дон"),
    slots={"film": ("Сталкер", "Ирония судьбы", "Солярис", "Служебный роман")},
)

UKRAINIAN = Language(
    exchanges=(
        Exchange("Доброго ранку!", ("Доброго!", "Привіт усім 👋", "Гарного дня! 🌻", "Вітаю.")),
        Exchange(
            "Хто знає гарну кав’ярню біля вокзалу?",
            ("Та, що на розі.", "Є одна, відчинена до {time}.", "Краще пройти далі в центр.", "Там смачні сирники!"),
        ),
        Exchange(
            "Як дістатися з центру до озера?",
            ("Автобусом, їде {n} хвилин.", "Пішки через парк.", "Ось мапа: {link}", "Велосипедом найкраще 🚲"),
        ),
        Exchange(
            "Сьогодні на обід борщ 😋",
            ("А пампушки є?", "Можна рецепт?", "Уже їду!", "З чорносливом?"),
        ),
        Exchange(
            "Хтось дивився вчора концерт?",
            ("Так, неймовірно!", "Тільки кінець.", "Є запис: {link}", "Ні, не було світла."),
        ),
        Exchange(
            "Що читаєте зараз?",
            ("Лесю Українку.", "Нічого, немає часу.", "Детектив, не можу відірватися 📚", "Перечитую улюблене."),
        ),
    ),
    reactions=("так", "чудово", "ого!", "👍", "згоден", "💛💙", "авжеж"),
    thanks=("дякую!", "щиро дякую", "дуже дякую 🙏"),
    names=("олена", "їжак", "тарас", "ґанна", "юрко", "соломія"),
    slots={},
)

GREEK = Language(
    exchanges=(
        Exchange("Καλημέρα σε όλους!", ("Καλημέρα!", "Γεια σας 👋", "Καλημέρα, τι κάνετε;", "Πρώτα καφές ☕")),
        Exchange(
            "Ποιος έρχεται για φαγητό το βράδυ;",
            ("Εγώ!", "Τι ώρα; Στις {time};", "Αν τελειώσω νωρίς.", "Στην ίδια ταβέρνα;", "Απόψε δεν μπορώ."),
        ),
        Exchange(
            "Τι καιρό κάνει εκεί;",
            ("Ζέστη, {n} βαθμούς ☀️", "Φυσάει πολύ.", "Βρέχει από το πρωί.", "Τέλειος για μπάνιο!"),
        ),
        Exchange(
            "Ξέρει κανείς πώς φτιάχνεται ο μουσακάς;",
            ("Με υπομονή.", "Η γιαγιά μου βάζει και πατάτες.", "Ορίστε: {link}", "Θέλει πολλή κρέμα."),
        ),
        Exchange(
            "Άκουσα ένα υπέροχο τραγούδι σήμερα 🎶",
            ("Ποιο;", "Βάλε το εδώ!", "Αυτό; {link}", "Παλιό ή καινούργιο;"),
        ),
        Exchange(
            "Πόσο κάνει το πλοίο για τη Νάξο;",
            ("Περίπου {n} ευρώ.", "Δες εδώ: {link}", "Εξαρτάται από την εποχή.", "Το αργό είναι πιο φτηνό ⛴️"),
        ),
    ),
    reactions=("χαχα", "σωστά", "μπράβο", "👏", "έλα!", "ακριβώς", "😄"),
    thanks=("ευχαριστώ!", "σ’ ευχαριστώ πολύ", "τέλεια, ευχαριστώ 🙏"),
    names=("ελένη", "γιώργος", "μαρία", "νίκος", "κατερίνα", "σπύρος"),
    slots={},
)
