package demo

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"strings"
	"time"
)

const (
	photoCount = 180
	fileCount  = 64
)

var captions = []string{
	"Evening over $place", "A $bird, very far away", "Ida on the wall at $place", "Teun and $toy", "$bread, second attempt",
	"Fog", "The table after $dish", "Bram's boat", "First $crop", "Low water at $place", "From the train window", "$person laughing",
}

var cameras = []string{"Pinhole P2", "Lumineta 40", "phone"}

// addPhotos takes pictures: every third one on the journey to Portugal.
func (l *life) addPhotos() {
	for i := range photoCount {
		where, when := pick(l, l.onTrip(false)), l.daysAgo(l.between(1, 700))
		if i%3 == 0 {
			where = pick(l, l.onTrip(true))
			when = l.tripStart().AddDate(0, 0, l.between(0, 9)).Add(time.Duration(l.between(8*60, 21*60)) * time.Minute)
		}
		links := []link{{"contentLocation", where.id}}
		for _, p := range some(l, l.between(0, 2), l.of(family)) {
			links = append(links, link{"depicts", p.id})
		}
		file := fmt.Sprintf("IMG_%s_%03d.png", when.Format("20060102"), i)
		l.photos = append(l.photos, l.emit("Photo", file, when, props{
			"description": l.fill(pick(l, captions)), "dateCreated": when, "width": int64(photoWidth), "height": int64(photoHeight),
			"latitude": where.lat + l.rng.NormFloat64()/300, "longitude": where.lon + l.rng.NormFloat64()/300,
			"camera": pick(l, cameras), "encodingFormat": "image/png", "blobName": file, "folder": "Photos/" + when.Format("2006/01"),
		}, l.landscape(when.Hour()), links...))
	}
}

const photoWidth, photoHeight = 120, 80

// landscape draws a small PNG: a sky by the hour, a sun, two ranges of hills.
func (l *life) landscape(hour int) []byte {
	img := image.NewRGBA(image.Rect(0, 0, photoWidth, photoHeight))
	day := math.Sin(math.Pi * float64(hour) / 24) // 0 at midnight, 1 at noon
	sunX, sunY := l.rng.IntN(photoWidth), int(50-40*day)
	phase, height := l.rng.Float64()*6, 4+l.rng.Float64()*10
	for x := range photoWidth {
		far := 48 + int(height*math.Sin(phase+float64(x)/13))
		near := 64 + int(height/2*math.Sin(2*phase+float64(x)/7))
		for y := range photoHeight {
			img.SetRGBA(x, y, shade(day, y, far, near, (x-sunX)*(x-sunX)+(y-sunY)*(y-sunY)))
		}
	}
	var b bytes.Buffer
	_ = png.Encode(&b, img) // cannot fail: a buffer takes everything and the size is legal
	return b.Bytes()
}

func shade(day float64, y, far, near, sun int) color.RGBA {
	light := 0.35 + 0.65*day
	tone := func(r, g, b float64) color.RGBA {
		return color.RGBA{uint8(r * light), uint8(g * light), uint8(b * light), 255}
	}
	switch {
	case y > near:
		return tone(60, 96, 52)
	case y > far:
		return tone(104, 128, 120)
	case sun < 36:
		return color.RGBA{255, 232, 150, 255}
	}
	return tone(210-float64(y), 190, 225)
}

// documents are the kinds of files: folder, name, header, line.
var documents = []struct{ folder, name, header, line string }{
	{"Documents/House", "Kitchen offer $n.txt", "Offer by Rolf Keukenstein, kitchens\n", "Item: $thing, $euro"},
	{"Documents/House", "Household budget $n.csv", "month;what;amount\n", "$weekday;$dish;$euro"},
	{"Documents/Work", "Soundings $n.csv", "station;depth;remark\n", "$place;$n;$weekday"},
	{"Documents/Work", "Minutes $n.txt", "Minutes of the atlas review\n", "$person will look at $chart by $weekday."},
	{"Documents/Choir", "Programme $n.txt", "Nicolaïkerk, Utrecht\n", "$hour  $piece"},
	{"Documents/Garden", "Seed order $n.txt", "Order for plot 14\n", "$n × $crop, $euro"},
	{"Documents/Travel", "Packing list $n.txt", "For Portugal\n", "[ ] $toy"},
}

// addFiles writes small text files, searchable like everything else.
func (l *life) addFiles() {
	for range fileCount {
		d := pick(l, documents)
		when := l.daysAgo(l.between(1, 700))
		var b strings.Builder
		b.WriteString(d.header)
		for range l.between(4, 18) {
			b.WriteString(l.fill(d.line) + "\n")
		}
		name, format := l.fill(d.name), "text/plain"
		if strings.HasSuffix(name, ".csv") {
			format = "text/csv"
		}
		l.files = append(l.files, l.emit("File", name, when, props{
			"text": b.String(), "dateModified": when, "path": d.folder + "/" + name, "folder": d.folder,
			"blobName": name, "encodingFormat": format,
		}, []byte(b.String()), l.mentioned(d.header)...))
	}
}

var sites = []struct{ name, path, about, tag string }{
	{"Tide tables for $place", "tides", "High and low water, with the harmonics to download.", "tides"},
	{"How to bake $bread", "bread", "Long fermentation, short words.", "bread"},
	{"Field notes: the $bird", "birds", "With sonograms.", "birds"},
	{"Night train to $place", "trains", "Which platform, which couchette, which breakfast.", "travel"},
	{"Growing $crop on clay", "garden", "Sow in $season.", "garden"},
	{"Score of $piece", "scores", "Public domain edition with the alto part alone.", "music"},
	{"Old charts of $place", "maps", "Scans in high resolution.", "maps"},
	{"Review: $book", "books", "Somebody who liked it for the right reasons.", "books"},
	{"한국어 문법: lesson $n", "korean", "조사와 어미.", "language"},
	{"東京の古地図 $n", "tokyo", "江戸時代の地図を今の地図に重ねる。", "maps"},
}

const bookmarkCount = 120

func (l *life) addBookmarks() {
	for i := range bookmarkCount {
		s := pick(l, sites)
		when := l.daysAgo(l.between(1, 720))
		name := l.fill(s.name)
		l.emit("Bookmark", name, when, props{
			"url":         fmt.Sprintf("https://%s.example.org/%d", s.path, 1000+i),
			"description": l.fill(s.about), "dateCreated": when, "keywords": list(s.tag), "folder": "Bookmarks/" + s.tag,
		}, nil, l.mentioned(name)...)
	}
}
