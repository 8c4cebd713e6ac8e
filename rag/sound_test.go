package rag

import (
	"strings"
	"testing"
	"testing/fstest"
)

func TestACreoleWordSoundsAsTheFrenchOneItComesFrom(t *testing.T) {
	for _, w := range [][]string{
		{"cyclone", "cyclones", "siklòn"}, {"gombo", "gonbo"}, {"manioc", "mannyòk", "manyòk"}, {"esclavage", "esklavaj"},
		{"moustiques", "moustik"}, {"vigilance", "vijilans"}, {"compost", "konpòs"}, {"filtre", "filt"}, {"sucre", "sik"},
		{"ciguatera", "siguatera"}, {"numéro", "niméwo", "nimewo"}, {"sargasses", "sargas"}, {"marché", "maché"},
		{"chaleur", "chalè"}, {"poisson", "pwason"}, {"citerne", "sitèn"}, {"sable", "sab"}, {"fourmis", "foumi"},
		{"javel", "javèl"}, {"violette", "vyolèt"}, {"colombo", "kolonbo"}, {"banane", "bannann"}, {"gouttes", "gout"},
		{"attention", "atansyon"}, {"canne", "kann"}, {"lettre", "lèt"},
	} {
		for _, other := range w[1:] {
			if a, b := sound(w[0]), sound(other); a != b || a == "" {
				t.Errorf("%s sounds %q, %s sounds %q", w[0], a, other, b)
			}
		}
	}
	for _, w := range [][2]string{{"cyclone", "citerne"}, {"poisson", "boisson"}, {"manioc", "manguier"}, {"igname", "gramme"}} {
		if sound(w[0]) == sound(w[1]) {
			t.Errorf("%s and %s both sound %q", w[0], w[1], sound(w[0]))
		}
	}
}

func TestACreoleWordIsTakenForTheFrenchTermItComesFrom(t *testing.T) {
	x := heardIn(t, "cyclone", "sucre", "six", "dengue", "danger", "esclavage", "santé", "maladie", "filtre", "fil", "violette", "volet",
		"gombo", "gombo", "gros", "ouvrir", "marche", "bête")
	for word, want := range map[string]string{
		"siklòn": "cyclon", "sik": "sucr", "deng": "dengu", "ladeng": "dengu", "lèsklavaj": "esclavag", "lasante": "sant", "maladi": "malad",
		"filt": "filtr", "vyolèt": "violet", "gonbo": "gombo", "gwo": "gro", "louvri": "ouvri", "maché": "march",
		"bwè": "", "òdinatè": "",
	} {
		if got := heardAs(word, x); got != want {
			t.Errorf("%s is taken for %q, want %q", word, got, want)
		}
	}
}

// heardIn are the sounds of an index with these French words.
func heardIn(t *testing.T, french ...string) map[string][]string {
	t.Helper()
	x, err := Open(Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	text := "Le texte que les gens lisent dans cette langue est celui-ci : " + strings.Join(french, ", puis le mot ") + "."
	if _, err := x.Add(t.Context(), "v", "", fstest.MapFS{"a.md": {Data: []byte("---\nlang: fr\n---\n" + text)}}, nil); err != nil {
		t.Fatal(err)
	}
	advanced, err := x.lexical.bleve.Advanced()
	if err != nil {
		t.Fatal(err)
	}
	r, err := advanced.Reader()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	heard, err := x.lexical.sounds(r)
	if err != nil {
		t.Fatal(err)
	}
	return heard
}
