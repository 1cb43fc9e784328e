package demo

// words are what the $words of the templates stand for; see life.fill for the
// few that are not in here.
var words = map[string][]string{
	"weekday": {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"},
	"season":  {"early spring", "late spring", "summer", "autumn", "winter"},
	"bread":   {"rye sourdough", "Borodinsky", "spelt loaf", "brioche", "focaccia", "pain de campagne", "krentenbollen", "knäckebröd", "broa de milho"},
	"dish":    {"lentil soup", "caldo verde", "stamppot with endive", "mushroom risotto", "kimchi pancakes", "mapo tofu", "leek quiche", "bacalhau à Brás", "shakshuka"},
	"bird":    {"kingfisher", "spoonbill", "white stork", "bearded reedling", "hoopoe", "grey heron", "black-tailed godwit", "peregrine", "waxwing", "long-eared owl"},
	"crop":    {"broad beans", "courgettes", "blackcurrants", "leeks", "purple carrots", "pumpkins", "dahlias", "rhubarb", "peas", "kale"},
	"piece":   {"the Fauré Requiem", "Duruflé's Ubi caritas", "Brahms's Zigeunerlieder", "a Bach motet", "Pärt's Magnificat", "three Finnish lullabies"},
	"tool":    {"the plotter", "the new projection library", "the depth grid", "the tile server", "the tide model", "the old survey archive", "the print proofs"},
	"chart":   {"sheet 4 (Maasvlakte)", "sheet 7 (Haringvliet)", "sheet 9 (Westerschelde)", "sheet 12 (Lauwersmeer)", "the overview sheet", "the tidal inset"},
	"thing":   {"the tiles", "the worktop", "the blue cabinet doors", "the extractor hood", "the floor", "the window frame", "the sockets behind the stove"},
	"game":    {"chess", "Carcassonne", "hide and seek", "mikado", "the board game with the foxes"},
	"toy":     {"the wooden ferry", "a kite", "roller skates", "a microscope", "the marble run", "watercolours"},
	"book":    {"The Mapmaker's Daughter-in-Law", "A Short History of Fog", "Salt Roads", "The Patience of Estuaries", "Kleine Kunde der Wolken", "L'Île sans nord", "O Farol de Papel", "The Baker's Almanac"},
	"mood":    {"tired but content", "glad", "a little worried", "restless", "calm", "proud of everybody"},
}

// A topic is what a row of letters or notes is about.
type topic struct {
	circle   circle
	folder   string
	keywords []any
	subjects []string
	lines    []string
}

var (
	greetings = []string{"Dear $name,", "Hi $name,", "Hello $name,", "$name,", "Good morning $name,", "Liebe $name,", "Hoi $name,", "Olá $name,"}
	closings  = []string{"Best,", "Love,", "Until soon,", "Greetings,", "Groetjes,", "Um abraço,", "Alles Liebe,", "Bises,", "Thanks,"}
)

// topics are what people write to each other about. Each needs enough lines that
// a letter of five does not repeat itself.
var topics = []topic{
	{
		work, "Work/Harbour atlas", list("work", "atlas"),
		[]string{"Harbour atlas: $chart", "Proofs of $chart", "Soundings for $chart", "Colours of the shoals, again", "Atlas deadline"},
		[]string{
			"I went over $chart with $person and the contour at $n metres still crosses itself near the breakwater.",
			"The pilots asked whether the leading lights can be printed in a colour that survives red torchlight.",
			"Could you send the survey of last $weekday once more? The file I have stops after line $n.",
			"The printer wants everything by $weekday $hour, which leaves us two rounds of corrections.",
			"I have moved the compass rose; it no longer sits on top of the anchorage.",
			"Rosalind found $n place names with two spellings. The list is in the shared folder.",
			"We keep the old soundings in grey where nobody has measured since.",
			"If the new dredging data arrive in time we redraw the channel, otherwise the note in the margin stays.",
			"The legend is in four languages now and still fits.",
			"Please look at the Danish names: the å disappeared again in the export.",
			"My proposal: one page less, and the tidal streams get the room they need.",
			"Ignacio sailed it with the draft on his knees and says it is the first chart he did not swear at.",
		},
	},
	{
		work, "Work/Tide app", list("work", "tide app"),
		[]string{"Tide app: plan for the sprint", "Crash when $tool is offline", "Release on $weekday", "Numbers from $tool", "User letters"},
		[]string{
			"After the update $tool needs $n seconds where it needed two, so I turned it back.",
			"Amadou has a branch in which the harmonics are computed on the phone; no network needed.",
			"Three people wrote that low water at Zierikzee comes twelve minutes late. They are right.",
			"Let us not add another setting. Nobody found the last one.",
			"The test with the year 1953 passes now, storm surge included.",
			"I would rather ship on $weekday than on a Friday afternoon.",
			"Yuki's icons are in. The moon looks like a moon.",
			"We should write down what happens when the clock of the phone is wrong.",
			"The review took an hour and removed $n lines, the best kind.",
			"Could somebody from sales tell the marina that the API key in their e-mail is not a password?",
			"Beatrix needs the hours per project by $weekday.",
		},
	},
	{
		family, "Family", list("family"),
		[]string{"Sunday lunch", "Ida's birthday", "Teun has lost a tooth", "Summer, the tent and Vlieland", "Oma's recipe", "Photos from $place", "Who takes the children on $weekday?"},
		[]string{
			"Teun lost the tooth in an apple and has been showing the gap to everyone in the street.",
			"Ida wants $toy for her birthday and nothing else, she says, except perhaps a dog.",
			"We arrive with the train of $hour; do not cook, I bring $dish.",
			"Papa's knee is better. He walked to $place and back and pretended it was nothing.",
			"Do you still have the tent poles? Ours are two different lengths now.",
			"Het was zo gezellig zondag, de kinderen praten nog steeds over de reiger op het dak.",
			"Bram has promised to be out of the workshop by $hour, we shall see.",
			"I found the letters from grandmother Elfriede; there is one about the winter of 1963.",
			"Could you take both on $weekday? I have to be at Maasvlakte until $hour.",
			"Jonas calls on $weekday evening, Swedish time, which is also our time.",
			"The recipe says $n grams of butter. It always meant twice that.",
			"Tante Roos sends mussels, greetings and a parcel that smells of both.",
		},
	},
	{
		friends, "Friends", list("friends"),
		[]string{"Lisbon in October?", "Your bread", "Dinner on $weekday", "The book", "Concert tickets", "A walk at $place", "Long time no letter"},
		[]string{
			"The lemon tree on the balcony has $n lemons and I can only drink so much tea.",
			"Come hungry, we make $dish and the neighbours bring their accordion.",
			"I finished $book on the train and missed my stop twice.",
			"Your $bread survived the post. It did not survive the afternoon.",
			"On $weekday the light at $place was so low that even the gulls looked like they were thinking.",
			"Pilar shows her photographs until the end of the month; we should go together.",
			"Oskar hat zwei Karten für die Thomaskirche, und ich habe keine Ausrede mehr.",
			"Si vous passez par Gent, il y a une chambre, un piano et du beurre salé.",
			"Who was the person with the green bicycle? Rafał wants to build another one.",
			"Trae el mapa viejo, el de las mareas, mi hermano no se lo cree.",
			"My Korean is at the level of ordering soup, and I order it well.",
			"Let me know by $weekday, then I book the table at $hour.",
		},
	},
	{
		choir, "Choir", list("choir"),
		[]string{"Rehearsal on $weekday", "Scores of $piece", "Autumn concert", "Altos!", "Choir weekend on Texel"},
		[]string{
			"We start with $piece, from bar $n, without the piano.",
			"Dorothea asks everybody to mark the breaths in pencil and to bring the pencil.",
			"The Nicolaïkerk is cold in this season; wear the thick socks.",
			"Altos, bar $n is an F sharp. It has always been an F sharp.",
			"Marten collects the contribution of $euro at the door.",
			"The tenors are three again. Please be kind to them.",
			"After the concert there is soup, and whoever can should bring $bread.",
			"The recording of $weekday is in the folder; listen to the end, it nearly shines.",
			"For the weekend on Texel we need four more cars or one larger optimism.",
		},
	},
	{
		garden, "Allotment", list("allotment", "garden"),
		[]string{"Work morning on $weekday", "Too many $crop", "The pump", "Bees on plot 3", "Key of the shed"},
		[]string{
			"There are too many $crop again. A box stands at the gate, take what you can carry.",
			"The pump needs a new seal; Koos has one from a washing machine that fits.",
			"Birgit opens the hives on $weekday at $hour, bring a hat and no bananas.",
			"The frost took half of my $crop, the slugs found the other half.",
			"Whoever has the key of the shed: it belongs on the nail.",
			"Plot 17 has rosemary for everybody.",
			"We mow at $hour, and then there is coffee and cake, in that order this time.",
			"I saw a $bird on the compost heap and nobody believes me.",
			"Seeds for next year are to be ordered by $weekday.",
		},
	},
	{
		services, "House", list("house", "kitchen"),
		[]string{"Offer: kitchen", "Delivery of $thing", "Your appointment on $weekday", "Invoice $n", "Parents' evening", "Piano lesson"},
		[]string{
			"Your appointment is on $weekday at $hour; please arrive ten minutes early.",
			"We can fit $thing in week $n if the floor is dry by then.",
			"The invoice over $euro is attached and due in thirty days.",
			"Unfortunately $thing arrived in the wrong colour. The right one follows.",
			"Ida gave a talk on tides and drew the moon on the window; we have left it there.",
			"Teun reads everything now, also the labels. Please check his pockets for stickers.",
			"The pipe behind the sink is from 1931 and still better than the one next to it.",
			"Please practise with the left hand alone, slowly, five minutes are enough.",
			"The repair is ready; chain, pads and the bell that Teun chose: $euro together.",
		},
	},
}
