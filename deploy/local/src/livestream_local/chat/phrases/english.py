"""English: the language of most channels, with exchanges by topic."""

from livestream_local.chat.phrases import Exchange, Language

_REACTIONS = (
    "haha", "lol", "nice", "same here", "+1", "👍", "true", "wow", "no way", "fair enough", "😂", "🎉", "oh no",
    "that explains it", "I was about to say that", "brilliant", "hm", "👀", "good point", "love it ❤️", "hear, hear",
    "exactly this", "not again…", "🤷", "sounds about right", "can confirm", "interesting!", "ok, that's clever",
)  # fmt: skip

_THANKS = (
    "thanks!", "thank you, that helped", "perfect, thanks 🙏", "cheers", "ah, got it. Thanks!", "you're a star ⭐",
    "that did it, thank you", "thanks everyone", "great, I'll try that", "much appreciated",
)  # fmt: skip

_NAMES = (
    "maya", "tom", "ivy", "oscar", "june", "felix", "ruth", "noah", "willow", "arthur", "hazel", "leo", "nina", "max",
    "olive", "hugo", "ada", "theo", "iris", "sam", "pearl", "finn", "clara", "jasper", "edith", "otis", "wren", "gus",
    "mabel", "ray", "dora", "kit",
)  # fmt: skip

_SLOTS = {
    "dish": ("lentil soup", "sourdough", "ramen", "pancakes", "a curry", "roast squash", "dumplings", "shakshuka"),
    "fruit": ("apples", "pears", "quinces", "plums", "figs", "blackberries"),
    "plant": ("tomatoes", "basil", "beans", "chillies", "courgettes", "roses", "the fig tree"),
    "city": ("Lisbon", "Oslo", "Kraków", "Ghent", "Turin", "Galway", "Tallinn", "Porto", "Zürich", "Malmö"),
    "day": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "the weekend"),
    "book": ("The Dispossessed", "Middlemarch", "Piranesi", "The Left Hand of Darkness", "Moby-Dick", "Kindred"),
    "film": ("Stalker", "Paddington 2", "Seven Samurai", "Playtime", "Spirited Away", "The Third Man"),
    "part": ("chain", "saddle", "front light", "rear brake", "left pedal", "derailleur"),
    "bird": ("a kingfisher", "two herons", "a jay", "a barn owl", "goldfinches", "a wren"),
    "service": ("search", "checkout", "the image resizer", "login", "the mail queue", "billing"),
    "tool": ("the new editor", "tmux", "that linter", "the beta", "a split keyboard", "the dark theme"),
    "instrument": ("bass", "cello", "trumpet", "accordion", "piano", "drums"),
}

_EVERYDAY = (
    Exchange(
        "Good morning everyone ☀️", ("Morning!", "Good morning, slept well?", "Morning. Coffee first.", "hello 👋")
    ),
    Exchange(
        "Is anybody in {city} on {day}?",
        ("I am, until {time} at least.", "No, but my sister is.", "Almost: I'm there a day later.", "Yes! Lunch?"),
    ),
    Exchange(
        "What are you all having for lunch?",
        ("{dish}, as always.", "Leftovers.", "The place around the corner has {dish}.", "Nothing yet 😢"),
    ),
    Exchange(
        "My train is {n} minutes late again.",
        ("Mine didn't even show up.", "At least it comes.", "Which line?", "Bring a book."),
    ),
    Exchange(
        "Who has the key to the meeting room?",
        ("It's on my desk, sorry!", "Ask at the front desk.", "Not me.", "The room is open, just push harder."),
    ),
    Exchange(
        "Shall we move the call to {time}?",
        ("Fine with me.", "Can we make it a bit later?", "Works for me 👍", "I have another one then, but go ahead."),
    ),
    Exchange(
        "The lift is stuck on floor {n}.",
        ("With anyone in it?", "Stairs it is.", "I called them, they come at {time}.", "Third time this month."),
    ),
    Exchange("It is snowing in {city}!", ("Pictures, please!", "Already?", "Here it's just rain.", "❄️❄️❄️")),
    Exchange(
        "Does anyone remember that link from {day}?",
        ("This one? {link}", "I bookmarked it: {link}", "Which of the many?", "It's pinned, I think."),
    ),
)

_KITCHEN = (
    Exchange(
        "Anyone up for cooking together on {day}?",
        ("Yes! What shall I bring?", "Only if it's {dish}.", "I'll do the washing-up.", "Next week maybe."),
    ),
    Exchange(
        "My knife is so blunt that it bruises {fruit}.",
        (
            "There is a grinder at the market on {day}.",
            "A whetstone and {n} minutes.",
            "Mine too.",
            "Watch this: {link}",
        ),
    ),
    Exchange(
        "How long do you bake {dish}?",
        ("About {n} minutes.", "Until it smells right.", "Is that something you bake?", "Here is how I do it: {link}"),
    ),
    Exchange(
        "We have far too many {fruit}. Ideas?",
        (
            "Jam!",
            "Chutney, and lots of it.",
            "I'd take two kilos off you.",
            "Crumble, with oats on top.",
            "Freeze them.",
        ),
    ),
    Exchange(
        "I made {dish} from scratch today 😋",
        ("Recipe, please!", "Looks better than mine.", "How long did it take?", "Save some for me."),
    ),
    Exchange(
        "Salt first or last?", ("First.", "Last, always.", "Both.", "Depends on the pan.", "You will start a war.")
    ),
)

_GARDEN = (
    Exchange(
        "It hasn't rained for {n} days.",
        ("The barrel is empty here as well.", "Water in the evening.", "{plant} won't mind.", "It will on {day}."),
    ),
    Exchange(
        "Giving away seedlings: {plant}, {n} pots.",
        ("I'll take two!", "Where are you?", "In exchange for {fruit}?", "Can I come by at {time}?"),
    ),
    Exchange(
        "Something is eating {plant}.",
        ("Slugs, surely.", "Look under the leaves at night.", "It's me, sorry.", "Coffee grounds helped here."),
    ),
    Exchange(
        "When do you sow {plant}?",
        (
            "Not before mid-May here.",
            "Indoors, now.",
            "The packet says March, but I'd wait.",
            "Too late for this year.",
        ),
    ),
    Exchange(
        "Saw {bird} from the kitchen window this morning.",
        ("Lucky you!", "We haven't had one in years.", "Did you get a photo?", "There was one at the pond on {day}."),
    ),
)

_BIKES = (
    Exchange(
        "Group ride on {day}, meeting at {time} at the bridge.",
        ("How far?", "I'm in if it's dry.", "Count me in 🚲", "Slow group or fast group?", "Cake at the end?"),
    ),
    Exchange(
        "Got my second puncture this week.",
        ("Glass?", "Wider tyres, really.", "Check the rim tape.", "Did you look inside the tyre?"),
    ),
    Exchange(
        "Who can recommend a shop for a new {part}?",
        ("The one by the station, ask for Jo.", "Do it yourself: {link}", "Not the cheap one.", "I have a spare one."),
    ),
    Exchange(
        "Rode {n} km today, all of it against the wind 🚴",
        ("Respect!", "And back with the wind?", "Tomorrow I'm coming along.", "My {part} broke after two."),
    ),
    Exchange(
        "The {part} rattles only when it rains. Why?",
        ("Grease it.", "Check the bolts.", "Ride in the sun, then.", "Mine did that until I replaced it."),
    ),
)

_ARTS = (
    Exchange(
        "Finally finished “{book}”.",
        ("And?", "I gave up halfway.", "One of my favourites!", "Read it again in ten years.", "Next: “{book}”?"),
    ),
    Exchange(
        "“{film}” is on at the old cinema on {day}.",
        ("I'm in!", "Saw it twice already and would go again.", "Original version?", "What time? {time}?"),
    ),
    Exchange(
        "Our band needs someone on {instrument}.",
        ("How good do I have to be?", "What do you play?", "I know somebody, will ask.", "Only if we can do covers."),
    ),
    Exchange(
        "What are you listening to right now?",
        ("Rain.", "This, on repeat: {link}", "The fridge.", "Old jazz, as every {day}.", "A lot of {instrument} 🎶"),
    ),
)

_COMPUTERS = (
    Exchange(
        "Is {service} slow for anyone else?",
        (
            "Yes, since {time}.",
            "Fine from here.",
            "They are on it: {link}",
            "Try again now?",
            "Only the first request.",
        ),
    ),
    Exchange(
        "Has anyone tried {tool}?",
        ("For a week. I'm not going back.", "Yes, and I did go back.", "On my list.", "It needs {n} GB, be warned."),
    ),
    Exchange(
        "`git push` says: rejected (non-fast-forward). Now what?",
        ("Pull first.", "`git pull --rebase`, then push.", "Somebody was faster than you 🙂", "Never --force. Please."),
    ),
    Exchange(
        "The tests fail, but only on my machine.",
        ("What's your time zone?", "Clear the cache.", "Then we ship your machine.", "Send me the log? {link}"),
    ),
    Exchange(
        "Why does <b>this</b> show up as text & not in bold?",
        ("Because it is text 😇", "As it should be.", "A feature!", "Someone escaped it properly, for once."),
    ),
    Exchange(
        "Can somebody look at my change? {link}",
        ("On it.", "Looks good, one small remark.", "After lunch.", "Approved 🚀", "Where are the tests?"),
    ),
)

ENGLISH_TOPICS = {
    topic: Language(exchanges, _REACTIONS, _THANKS, _NAMES, _SLOTS)
    for topic, exchanges in {
        "everyday": _EVERYDAY,
        "kitchen": _KITCHEN + _EVERYDAY[2:3],
        "garden": _GARDEN + _KITCHEN[1:2],
        "bikes": _BIKES,
        "arts": _ARTS,
        "computers": _COMPUTERS,
    }.items()
}
