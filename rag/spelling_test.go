package rag_test

import (
	"fmt"
	"testing"

	"savoirs/rag"
)

// found says which of the documents comes first.
func found(t *testing.T, x *rag.Index, lang, question string) string {
	t.Helper()
	r := search(t, rag.Query{Text: question, Lang: lang, Mode: rag.ModeLexical}, nil, x)
	if len(r.Hits) == 0 {
		return "nothing"
	}
	return r.Hits[0].Doc
}

func page(lang, text string) string {
	return fmt.Sprintf("<html lang='%s'><body><p>%s</p></body></html>", lang, text)
}

func TestAWordIsFoundInItsOtherForms(t *testing.T) {
	x := open(t, t.TempDir())
	add(t, x, "v", map[string]string{
		"travail.html": page("fr", "Le travail du conseil de la commune commence le matin."),
		"oeil.html":    page("fr", "Lavez un œil irrité à l'eau claire."),
		"arc.html":     page("fr", "L'arc-en-ciel paraît après la pluie."),
		"date.html":    page("fr", "La mairie brûla le 1er mars 1902, au début du XXe siècle."),
		"budget.html":  page("fr", "Le budget est de 12 500 euros pour 40 km de route."),
		"licence.html": page("fr", "Le licenciement d'un salarié se fait par lettre."),
		"cheval.html":  page("fr", "Un cheval boit beaucoup quand il fait chaud."),
		"coeur.html":   page("fr", "Le porte-monnaie perdu se réclame à l'accueil."),
	})
	for question, want := range map[string]string{
		"les travaux du conseil":             "travail.html",
		"yeux irrités":                       "oeil.html",
		"ŒIL":                                "oeil.html",
		"arc en ciel":                        "arc.html",
		"arcs-en-ciel":                       "arc.html",
		"1 mars 1902":                        "date.html",
		"20e siècle":                         "date.html",
		"12500 euros":                        "budget.html",
		"12.500":                             "budget.html",
		"12\u202f500":                        "budget.html",
		"40km":                               "budget.html",
		"licencié":                           "licence.html",
		"chevaux":                            "cheval.html",
		"portemonnaie":                       "coeur.html",
		"l`accueil":                          "coeur.html",
		"l\u02bcaccueil":                     "coeur.html",
		"Peut-on licencier par courriel ?":   "licence.html",
		"QU’EST-CE QU’UN ARC‑EN‑CIEL ?":      "arc.html",
		"Qui brula la mairie en mars 1902 ?": "date.html",
	} {
		if got := found(t, x, "fr", question); got != want {
			t.Errorf("%q found %s, want %s", question, got, want)
		}
	}
}

func TestAWordWithOneSlipIsFound(t *testing.T) {
	x := open(t, t.TempDir())
	add(t, x, "v", village())
	for question, want := range map[string]string{
		"cyclonne":   "cyclone.txt", // one too many
		"cylone":     "cyclone.txt", // one too few
		"cyclome":    "cyclone.txt", // another
		"cylcone":    "cyclone.txt", // two exchanged
		"yclone":     "cyclone.txt", // the first one missing
		"ingame":     "igname.txt",
		"moustiqeus": "dengue.txt",
	} {
		if got := found(t, x, "fr", question); got != want {
			t.Errorf("%q found %s, want %s", question, got, want)
		}
	}
}

func TestAWordThatIsThereComesBeforeOneThatIsLikeIt(t *testing.T) {
	x := open(t, t.TempDir())
	add(t, x, "v", map[string]string{
		"plant.html":      page("fr", "La plantation se visite le samedi."),
		"plantation.html": page("fr", "Le plant se repique le samedi."),
		"autre.html":      page("fr", "Rien de cela ici le samedi."),
	})
	if got := found(t, x, "fr", "plantation"); got != "plant.html" {
		t.Errorf("found %s first", got)
	}
}

func TestEachCreoleHasWordsOfItsOwn(t *testing.T) {
	x := open(t, t.TempDir())
	add(t, x, "v", map[string]string{
		"ht.html":  page("ht", "Anvan siklòn nan rive, mete dlo potab nan yon gwo doum epi fèmen fenèt yo."),
		"ht2.html": page("ht", "Yo plante yanm nan mwa mas sou tè ki byen laboure."),
		"gcf.html": page("gcf", "Avan siklòn-la rivé, séré dlo adan on gwo fout é fèmé tout finèt-la."),
		"gc2.html": page("gcf", "Yo ka planté yanm an mwa mas anlè tè ki byen fouyé."),
	})
	for _, q := range []struct{ lang, text, want string }{
		{"ht", "Kisa pou m fè anvan siklòn nan ?", "ht.html"},
		{"ht", "KILE YO PLANTE YANM ?", "ht2.html"},
		{"ht", "m'ap fèmen fenet", "ht.html"},
		{"gcf", "Ka pou fè avan siklòn-la ?", "gcf.html"},
		{"gcf", "gro fout dlo", "gcf.html"},
		{"gcf", "gro", "gcf.html"},
		{"gcf", "ki mwa yo ka plante yanm", "gc2.html"},
	} {
		if got := found(t, x, q.lang, q.text); got != q.want {
			t.Errorf("%s %q found %s, want %s", q.lang, q.text, got, q.want)
		}
	}
}

func TestALanguageWithoutRulesOfItsOwnIsFound(t *testing.T) {
	x := open(t, t.TempDir())
	add(t, x, "v", map[string]string{
		"pt.html":  page("pt", "A vacinação das crianças começa aos dois meses de idade."),
		"pt2.html": page("pt", "O jardineiro rega as plantas pela manhã."),
		"zh.html":  page("zh", "台风来临前请储备饮用水和食物。"),
		"zh2.html": page("zh", "山药在三月种植，土地要松软。"),
		"ja.html":  page("ja", "台風の前に飲料水を準備してください。"),
	})
	for _, q := range []struct{ lang, text, want string }{
		{"pt", "vacinar criança", "pt.html"},
		{"pt", "jardineiros", "pt2.html"},
		{"zh", "储备饮用水", "zh.html"},
		{"zh", "山药什么时候种植", "zh2.html"},
		{"ja", "飲料水の準備", "ja.html"},
	} {
		if got := found(t, x, q.lang, q.text); got != q.want {
			t.Errorf("%s %q found %s, want %s", q.lang, q.text, got, q.want)
		}
	}
}
