"""What programs write into channels: they answer nobody."""

from livestream_local.chat.phrases import Exchange, Language

DEPLOYS = Language(
    exchanges=(
        Exchange("✅ {service} build #{build} passed in {n} s", ()),
        Exchange("🚀 {service} {build} is live in {region}", ()),
        Exchange("❌ {service} build #{build} failed: {n} tests, see {link}", ()),
        Exchange("⏪ {service} rolled back to {build} in {region}", ()),
    ),
    reactions=("",),
    thanks=("",),
    names=("deploy-robot", "ci[bot]"),
    slots={
        "service": ("search", "checkout", "mail", "thumbnails", "billing", "login"),
        "region": ("eu-west", "us-east", "ap-south"),
        "build": tuple(str(number) for number in range(4100, 4200)),
    },
)

WEATHER = Language(
    exchanges=(
        Exchange("{station}: {n} °C, wind {wind} m/s", ()),
        Exchange("{station}: {n} °C, rain since {time}", ()),
        Exchange("⚠️ {station}: gusts of {n} km/h", ()),
    ),
    reactions=("",),
    thanks=("",),
    names=("weather-station",),
    slots={
        "station": ("Tromsø", "Reykjavík", "Αθήνα", "Київ", "القاهرة", "서울", "札幌", "München", "São Paulo"),
        "wind": tuple(f"{tenths / 10:.1f}" for tenths in range(4, 120, 7)),
    },
)
