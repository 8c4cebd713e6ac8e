package rag_test

import (
	"math"
	"slices"
	"testing"

	"savoirs/rag"
	"savoirs/rag/ragtest"
)

// place is a set on a node of its own, as others know it.
func place(t *testing.T, name string, e rag.Embedder, files map[string]string) rag.Place {
	t.Helper()
	x := open(t, t.TempDir())
	add(t, x, name, files)
	p := rag.Place{Set: name}
	if e != nil {
		embed(t, x, e)
		c, err := x.Signs(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		p.Codes = &c
	}
	b, err := x.Sketch(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	if p.Sketch, err = rag.ParseSketch(b); err != nil {
		t.Fatal(err)
	}
	return p
}

func promises(t *testing.T, q rag.Query, places ...rag.Place) []float64 {
	t.Helper()
	r, err := rag.NewRouter().Weigh(q, rag.Counts{}, places)
	if err != nil {
		t.Fatal(err)
	}
	return r.Promise
}

func first(promises []float64) int { return slices.Index(promises, slices.Max(promises)) }

var harvests = []map[string]string{
	{"a.txt": "La récolte de l'igname se fait en janvier.", "b.txt": "La récolte du manioc se fait toute l'année."},
	{"a.txt": "La récolte de la vanille se fait à la main.", "b.txt": "La vanille se conserve au sec."},
	{"a.txt": "La récolte des bananes se fait verte.", "b.txt": "La banane mûrit au soleil."},
}

func TestTheRareWordsOfAQuestionSayWhomToAsk(t *testing.T) {
	var places []rag.Place
	for i, g := range harvests {
		places = append(places, place(t, string(rune('a'+i)), nil, g))
	}
	q := rag.Query{Text: "Comment se fait la récolte de la vanille ?"}
	if p := promises(t, q, places...); first(p) != 1 {
		t.Errorf("promises %v", p)
	}
	places[1].Sketch.Analysis = "0" // of other terms than ours
	if p := promises(t, q, places...); first(p) == 1 {
		t.Errorf("terms of another analysis count: %v", p)
	}
}

func TestTheNearestPassageBySignCodesSaysWhomToAsk(t *testing.T) {
	e := &ragtest.Embedder{Size: 256}
	var places []rag.Place
	for i, g := range harvests {
		p := place(t, string(rune('a'+i)), e, g)
		p.Sketch = nil
		places = append(places, p)
	}
	q := rag.Query{Text: "vanille", Model: e.Model()}
	var err error
	if q.Vector, err = rag.EmbedQuestion(t.Context(), q, e); err != nil {
		t.Fatal(err)
	}
	if p := promises(t, q, places...); first(p) != 1 {
		t.Errorf("promises %v", p)
	}
	q.Model = "sha256:other"
	if p := promises(t, q, places...); slices.Max(p) != 0 || slices.Min(p) != 0 {
		t.Errorf("codes of another model count: %v", p)
	}
}

func TestAPlaceThatTellsNothingIsAsGoodAsTheAverage(t *testing.T) {
	places := []rag.Place{{Set: "silent"}}
	for i, g := range harvests {
		places = append(places, place(t, string(rune('a'+i)), nil, g))
	}
	p := promises(t, rag.Query{Text: "La récolte de la vanille"}, places...)
	if mean := (p[1] + p[2] + p[3]) / 3; math.Abs(p[0]-mean) > 1e-9 || first(p) != 2 {
		t.Errorf("promises %v", p)
	}
}

func TestAVectorThatIsNotThatOfItsTextIsFound(t *testing.T) {
	e := &ragtest.Embedder{Size: 64}
	x := open(t, t.TempDir())
	add(t, x, "a", harvests[0])
	embed(t, x, e)
	q := rag.Query{Text: "récolte de l'igname et du manioc", Model: e.Model()}
	var err error
	if q.Vector, err = rag.EmbedQuestion(t.Context(), q, e); err != nil {
		t.Fatal(err)
	}
	offers, _, err := x.Offer(t.Context(), q)
	if err != nil || len(offers) != 2 {
		t.Fatalf("%d offers, %v", len(offers), err)
	}
	honest, other := offers[0], offers[0]
	other.Vector = offers[1].Vector
	bare := offers[1]
	bare.Vector = nil
	wrong, err := rag.Recheck(t.Context(), e, []*rag.Offer{&honest, &other, &bare})
	if err != nil || len(wrong) != 1 || wrong[0] != &other {
		t.Errorf("wrong: %v, %v", wrong, err)
	}
	if !slices.Equal(bare.Vector, offers[1].Vector) {
		t.Error("a passage without a vector did not get its own")
	}
}

func TestAnOfferThatNoHonestNodeMakesIsNotTaken(t *testing.T) {
	long := make([]byte, 20<<10)
	for i := range long {
		long[i] = 'a'
	}
	for name, spoil := range map[string]func(*rag.Offer){
		"without text":               func(o *rag.Offer) { o.Text = "\x00\x07" },
		"without a document":         func(o *rag.Offer) { o.Doc = "" },
		"too long":                   func(o *rag.Offer) { o.Text = string(long) },
		"with an endless name":       func(o *rag.Offer) { o.Doc = string(long) },
		"with an endless title":      func(o *rag.Offer) { o.Title = string(long) },
		"under endless headings":     func(o *rag.Offer) { o.Heading = string(long) },
		"on a page before the first": func(o *rag.Offer) { o.Page = -1 },
		"an endless vector":          func(o *rag.Offer) { o.Vector = long },
		"from nowhere":               func(o *rag.Offer) { o.Start, o.End = 9, 3 },
		"before the first":           func(o *rag.Offer) { o.N = -1 },
	} {
		o := rag.Offer{Passage: rag.Passage{Set: "a", Doc: "a.txt", Text: "L'igname", End: 8}}
		if !o.Accept() {
			t.Fatal("an honest offer is not taken")
		}
		spoil(&o)
		if o.Accept() {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestAnOfferDoesNotSayItselfThatItIsVerified(t *testing.T) {
	o := rag.Offer{Passage: rag.Passage{Set: "a", Doc: "a.txt", Text: "L'igname", From: &rag.From{Verified: true}}}
	if !o.Accept() || o.From != nil {
		t.Errorf("from %+v", o.From)
	}
}

func TestAnOfferIsCleanedAsAnyForeignDocumentIs(t *testing.T) {
	o := rag.Offer{Passage: rag.Passage{Set: "a", Doc: "a.txt", Lang: "<b>", Title: "Jar\u202edin", Heading: "Ra\x07cines", Text: "L'ig\u202ename"}, As: "<i>"}
	if !o.Accept() || o.Title != "Jardin" || o.Heading != "Racines" || o.Text != "L'igname" || o.Lang != "" || o.As != "" {
		t.Errorf("%+v", o)
	}
}
