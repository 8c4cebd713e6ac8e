package extract

import (
	"html"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

func same(s string) string { return s }

const plainBooklet = `LE JARDIN CRÉOLE

À l'ombre du manguier, l'aïeule répète :
« Plante avant la lune, récolte après. »

Les outils
----------
Il faut :
- un coutelas bien affûté,
  avec son étui
- une houe

* * *

Voilà pourquoi l'œuf de l'oie vaut mieux que le bœuf.
`

var plainWant = []Block{
	{Role: Heading, Level: 2, Text: "LE JARDIN CRÉOLE"},
	{Role: Paragraph, Text: "À l'ombre du manguier, l'aïeule répète : « Plante avant la lune, récolte après. »"},
	{Role: Heading, Level: 2, Text: "Les outils"},
	{Role: Paragraph, Text: "Il faut :"},
	{Role: Item, Text: "un coutelas bien affûté, avec son étui"},
	{Role: Item, Text: "une houe"},
	{Role: Paragraph, Text: "Voilà pourquoi l'œuf de l'oie vaut mieux que le bœuf."},
}

func TestPlainTextIsReadInEveryUsualEncodingWithPlaces(t *testing.T) {
	latin, err := charmap.Windows1252.NewEncoder().String(plainBooklet)
	if err != nil {
		t.Fatal(err)
	}
	le := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)
	wide, err := le.NewEncoder().String(plainBooklet)
	if err != nil {
		t.Fatal(err)
	}
	fromLatin := func(s string) string { s, _ = charmap.Windows1252.NewDecoder().String(s); return s }
	fromWide := func(s string) string {
		s, _ = unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewDecoder().String(s)
		return s
	}
	for name, c := range map[string]struct {
		raw    string
		decode func(string) string
	}{
		"utf-8":             {plainBooklet, same},
		"utf-8 with mark":   {"\ufeff" + plainBooklet, same},
		"windows-1252":      {latin, fromLatin},
		"utf-16 with mark":  {wide, fromWide},
		"utf-16 by zeros":   {wide[2:], fromWide},
		"crlf":              {strings.ReplaceAll(plainBooklet, "\n", "\r\n"), same},
		"cr":                {strings.ReplaceAll(plainBooklet, "\n", "\r"), same},
		"late windows-1252": {strings.Repeat("Une phrase sans accent, ou presque.\n\n", 4000) + latin, fromLatin},
	} {
		t.Run(name, func(t *testing.T) {
			d := extracted(t, "carnet.txt", c.raw, Options{})
			got := plainBlocks(d.Blocks)
			if diff := cmp.Diff(plainWant, got[len(got)-len(plainWant):]); diff != "" {
				t.Error(diff)
			}
			wantPlaces(t, d, c.raw, c.decode)
		})
	}
}

func TestAMixOfEncodingsLosesNoAccent(t *testing.T) {
	d := extracted(t, "a.txt", "Été à la mer, très tôt.\n\nSuite d'un autre fichier : \xe9t\xe9 \x9cuvre \x93ici\x94.\n", Options{})
	if got := allText(d.Blocks); got != "Été à la mer, très tôt.\nSuite d'un autre fichier : été œuvre “ici”.\n" {
		t.Errorf("got %q", got)
	}
}

func TestMarkdownBlocksPointToTheirBytes(t *testing.T) {
	raw := bookletMarkdown() + "\n1. un\n   - deux `code`\n\n   trois\n\n```sh\nls  -l\n\n  pwd\n```\n\n<div><p>Du <b>html</b> dedans</p></div>\n\nTitre\n=====\n\nFin \\*sûre\\* &amp; [liée](http://x.fr).[^1]\n"
	d := extracted(t, "a.md", raw, Options{})
	wantPlaces(t, d, raw, html.UnescapeString)
	want := []Block{
		{Role: Item, Text: "un"}, {Role: Item, Text: "deux code"}, {Role: Item, Text: "trois"},
		{Role: Code, Text: "ls  -l\n\n  pwd"},
		{Role: Paragraph, Text: "Du html dedans"},
		{Role: Heading, Level: 1, Text: "Titre"},
		{Role: Paragraph, Text: "Fin *sûre* & liée."},
	}
	got := plainBlocks(d.Blocks)
	if diff := cmp.Diff(want, got[len(booklet):]); diff != "" {
		t.Error(diff)
	}
}

func TestLongMarkdownIsReadInChunksWithoutLossOrShift(t *testing.T) {
	var raw, want strings.Builder
	for i := range 3000 {
		raw.WriteString("## Recette\n\nPrenez un [fruit à pain][f] et du sel.\n\n- un\n- deux\n\n```\n# pas un titre\n\nsuite\n```\n\n")
		want.WriteString("Recette\nPrenez un fruit à pain et du sel.\nun\ndeux\n# pas un titre\n\nsuite\n")
		if i == 10 {
			raw.WriteString("[f]: http://fruit.example\n\n")
		}
	}
	d := extracted(t, "long.md", raw.String(), Options{})
	if got := allText(d.Blocks); got != want.String() {
		t.Errorf("F1 %f, %d bytes for %d", wordF1(got, want.String()), len(got), want.Len())
	}
	wantPlaces(t, d, raw.String(), same)
}

func TestTangledMarkdownIsReadAsPlainText(t *testing.T) {
	for _, s := range []string{strings.Repeat("[a](", 100_000), strings.Repeat("> ", 100_000) + "x", strings.Repeat("- ", 100_000) + "x"} {
		extracted(t, "a.md", s+"\n\nmot\n", Options{})
	}
}

func TestHTMLBlocksPointToTheirBytes(t *testing.T) {
	raw := bookletHTML()
	wantPlaces(t, extracted(t, "a.html", raw, Options{}), raw, html.UnescapeString)
	latin, err := charmap.ISO8859_1.NewEncoder().String(strings.NewReplacer("utf-8", "iso-8859-1", "œ", "&oelig;").Replace(raw))
	if err != nil {
		t.Fatal(err)
	}
	d := extracted(t, "a.html", latin, Options{})
	if diff := cmp.Diff(booklet, plainBlocks(d.Blocks)); diff != "" {
		t.Error(diff)
	}
	wantPlaces(t, d, latin, func(s string) string {
		s, _ = charmap.ISO8859_1.NewDecoder().String(s)
		return html.UnescapeString(s)
	})
}

func TestHTMLSkipsWhatNobodyReads(t *testing.T) {
	d := extracted(t, "a.html", `<title>Marché &amp; foire</title><body>
<nav><ul><li>Accueil</li></ul></nav><p>Le <span hidden>caché</span>marché <span style="display: none">invisible</span>du bourg<br>ouvre à 6 h.
<p>Deuxième<template><p>non</p></template> paragraphe<select><option>x</select>
<button>Envoyer</button><noscript>activez</noscript><svg><title>image</title><text>t</text></svg>
<ul><li>un<li>deux<ul><li>trois</ul></ul><dl><dt>mot<dd>sens</dl><pre>a  b
  c</pre><table><tr><td><h2>Mise en page</h2><p>Texte.<td>Côté</table></body>`, Options{})
	want := []Block{
		{Role: Paragraph, Text: "Le marché du bourg\nouvre à 6 h."},
		{Role: Paragraph, Text: "Deuxième paragraphe"},
		{Role: Item, Text: "un"}, {Role: Item, Text: "deux"}, {Role: Item, Text: "trois"},
		{Role: Item, Text: "mot"}, {Role: Item, Text: "sens"},
		{Role: Code, Text: "a  b\n  c"},
		{Role: Heading, Level: 2, Text: "Mise en page"}, {Role: Paragraph, Text: "Texte."}, {Role: Paragraph, Text: "Côté"},
	}
	if diff := cmp.Diff(want, plainBlocks(d.Blocks)); diff != "" {
		t.Error(diff)
	}
	if d.Title != "Marché & foire" {
		t.Errorf("title %q", d.Title)
	}
}

func TestHTMLKeepsTheBodyUnlessTheMainPartIsNearlyAllOfIt(t *testing.T) {
	aside := "<div>Publicité pour une banque.</div>"
	long := "<main><p>" + strings.Repeat("Le colombo se fait avec du curcuma. ", 20) + "</main>"
	if got := allText(extracted(t, "a.html", aside+long, Options{}).Blocks); strings.Contains(got, "banque") {
		t.Errorf("what surrounds the main part was kept: %q", got)
	}
	short := "<article><p>Court.</article>" + strings.Repeat("<div>Le reste du manuel compte aussi.</div>", 20)
	if got := allText(extracted(t, "a.html", short, Options{}).Blocks); !strings.Contains(got, "manuel") {
		t.Errorf("the body was lost: %q", got)
	}
}

func TestXHTMLElementsCloseThemselves(t *testing.T) {
	d := extracted(t, "a.xhtml", `<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="fr"><head><title/><script src="a.js"/></head><body><p hidden="hidden"/>Voilà <![CDATA[1 < 2]]></body></html>`, Options{})
	if got := allText(d.Blocks); got != "Voilà 1 < 2\n" || d.Lang != "fr" {
		t.Errorf("got %q in %q", got, d.Lang)
	}
}

func TestCSVRecordsReadAsSentencesWithTheirColumns(t *testing.T) {
	for name, raw := range map[string]string{
		"a.csv": "\ufeffNom;Ville;Note\n\"Éloi; dit \"\"Ti-Lo\"\"\";Pointe-à-Pitre;12\n\nAnaïs;\"Le\nMoule\";\n",
		"b.csv": "sep=,\nNom,Ville,Note\n\"Éloi; dit \"\"Ti-Lo\"\"\",Pointe-à-Pitre,12\nAnaïs,\"Le\nMoule\",\n",
		"c.tsv": "Nom\tVille\tNote\n\"Éloi; dit \"\"Ti-Lo\"\"\"\tPointe-à-Pitre\t12\nAnaïs\t\"Le\nMoule\"\t\n",
	} {
		d := extracted(t, name, raw, Options{})
		want := []Block{
			{Role: Row, Text: `Nom: Éloi; dit "Ti-Lo"; Ville: Pointe-à-Pitre; Note: 12`},
			{Role: Row, Text: "Nom: Anaïs; Ville: Le Moule"},
		}
		if diff := cmp.Diff(want, plainBlocks(d.Blocks)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		for _, b := range d.Blocks {
			b.Text = strings.NewReplacer("Nom:", "", "Ville:", "", "Note:", "").Replace(b.Text)
			wantPlaces(t, Document{Blocks: []Block{b}}, raw, same)
		}
	}
	if got := allText(extracted(t, "q.csv", "Lot,Prix\nun écran de 5\" neuf,9\n", Options{}).Blocks); got != "Lot: un écran de 5\" neuf; Prix: 9\n" {
		t.Errorf("a lone quote: %q", got)
	}
	d := extracted(t, "n.csv", "1,2\n3,4\n", Options{})
	if got := allText(d.Blocks); got != "1 | 2\n3 | 4\n" {
		t.Errorf("without a header: %q", got)
	}
}

func TestJSONLRecordsPutWhatMattersFirst(t *testing.T) {
	raw := `{"_id":"7","url":"http://x","text":"Le volcan s'est réveillé\nen 1976.","title":"La Soufrière","tags":["volcan","île"],"v":[1,2,3,4,5,6,7,8,9,10],"lieu":{"commune":"Saint-Claude","vu":true}}

{"question":"Où ?","answers":{"text":["Ici"],"answer_start":[3]}}
pas du json
["un","deux"]
`
	d := extracted(t, "a.jsonl", raw, Options{})
	want := []Block{
		{Role: Row, Text: "La Soufrière\nLe volcan s'est réveillé\nen 1976.\nurl: http://x; tags: volcan, île; lieu.commune: Saint-Claude; lieu.vu: true"},
		{Role: Row, Text: "Où ?\nIci\nanswers.answer_start: 3"},
		{Role: Row, Text: "un, deux"},
	}
	if diff := cmp.Diff(want, plainBlocks(d.Blocks)); diff != "" {
		t.Error(diff)
	}
	wantPlaces(t, d, raw, func(s string) string { return strings.ReplaceAll(s, `\n`, " ") })
	if diff := cmp.Diff([]string{"line 4: not JSON"}, d.Warnings); diff != "" {
		t.Error(diff)
	}
}

func TestCleanDropsWhatHidesAndKeepsWhatSpeaks(t *testing.T) {
	for in, want := range map[string]string{
		"  a \t b\u00a0:\r\nc \n\n d ":     "a b :\nc\nd",
		"e\u0301te\u0301":                  "été",
		"cy\u00adclo\u200bne\ufeff":        "cyclone",
		"\u202egnp.exe\u202c\u2066":        "gnp.exe",
		"ob\U000e0069\U000e0067ey":         "obey",
		"ef\ufb01cace \uf0b7 o\ufb02":      "efficace • ofl",
		"می\u200cخواهم":                    "می\u200cخواهم",
		"क्\u200dष":                        "क्\u200dष",
		"a\u200db":                         "ab",
		"\x00\x1b[31mrouge\x07":            "[31mrouge",
		"z" + strings.Repeat("\u0335", 50): "z" + strings.Repeat("\u0335", maxMarks),
		"« Déjà vu », l'œuvre…":            "« Déjà vu », l'œuvre…",
		"":                                 "",
	} {
		if got := Clean(in); got != want {
			t.Errorf("Clean(%+q) = %+q, want %+q", in, got, want)
		}
	}
}
