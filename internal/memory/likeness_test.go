package memory

import "testing"

func TestLikeness(t *testing.T) {
	for _, c := range []struct {
		name, a, b string
		least      float64
		most       float64
	}{
		{"itself", "The boat is moored at pier 4", "The boat is moored at pier 4", 1, 1},
		{"case and punctuation", "The boat is moored at pier 4.", "the boat is moored, at pier 4", 1, 1},
		{"another number", "The boat is moored at pier 4", "The boat is moored at pier 5", 0, 0},
		{"denied", "She likes sailing in winter", "She does not like sailing in winter", 0, 0},
		{"denied in short", "She can swim", "She can't swim", 0, 0},
		{"a word more", "Priya plays the cello in the town orchestra", "Priya plays the cello in the small town orchestra", nearlySame * 0.6, nearlySame},
		{"short, another order", "likes green tea", "green tea likes", 0.99, 1},
		{"nothing in common", "Priya plays the cello", "The harbour freezes over", 0, similar / 2},
		{"empty", "", "", 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := likeness(c.a, c.b)
			if got < c.least || got > c.most {
				t.Errorf("likeness %v, want %v to %v", got, c.least, c.most)
			}
			if back := likeness(c.b, c.a); back != got {
				t.Errorf("the other way round %v, not %v", back, got)
			}
		})
	}
}
