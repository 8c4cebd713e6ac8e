package rag

import (
	"fmt"
	"html"
	"strings"
	"testing"
	"testing/fstest"
	"unicode"

	"savoirs/rag/extract"
)

// hardMarkdown is a document with what makes places slip: entities, emphasis, links, no-break spaces, a
// table, nested lists, and paragraphs too long for one passage.
func hardMarkdown() string {
	var b strings.Builder
	b.WriteString("# 1. Le jardin de M.\u00a0Dupont\n\n")
	for lang, sentence := range map[string]string{
		"fr":  "M.\u00a0Dupont a dit\u00a0: «\u00a0L'*igname* se plante en [mars](https://exemple.fr/a.html?b=1) &amp; se récolte à 3,5 mois, cf. p.\u00a012, etc.\u00a0» Puis il s'en alla… ",
		"en":  "Dr. Smith said: \u201cYams are planted in **March** at 3.5 p.m. near St. John.\u201d He left. ",
		"es":  "¿Dónde vive el Sr. García? En la calle de [la Paz](https://ejemplo.es), núm. 12. ",
		"ht":  "M. Pyè plante yanm nan mwa mas. Li wouze l chak swa, eks. a sizè. ",
		"gcf": "Msyé Télémak ka planté yanm an mwa mas. I ka rouzé'y chak swa. ",
	} {
		fmt.Fprintf(&b, "## %s\n\n%s\n\nIl faut\u00a0:\n\n- une corde\n  - de *deux* mètres\n- un seau\n\n", lang, strings.Repeat(sentence, 25))
	}
	b.WriteString("## Tableau\n\n| Plante | Mois |\n|---|---|\n" + strings.Repeat("| Igname &amp; manioc | mars |\n", 80))
	return b.String()
}

func TestTheBytesOfAPassageHoldItsWords(t *testing.T) {
	md := hardMarkdown()
	var page, records, table strings.Builder
	page.WriteString("<html lang=fr><title>Jardin</title><body>")
	table.WriteString("Plante;Mois;Note\n")
	for i := range 60 {
		fmt.Fprintf(&page, "<h2>Partie %d</h2>\n<p>%s</p><ul><li>un&nbsp;seau<li>une <b>corde</b></ul>\n", i, strings.Repeat("L&#39;igname &amp; le <i>manioc</i>, d&eacute;j&agrave; plantés. ", i))
		fmt.Fprintf(&table, "igname %d;mars;\"Dit \"\"ti-bo\"\", à l'ombre;\nprès de la mare\"\n", i)
		fmt.Fprintf(&records, "{\"title\":\"Plante %d\",\"text\":\"Se plante en mars, à l'ombre. %s\"}\n", i, strings.Repeat("Elle aime l'eau. ", i*3))
	}
	for name, raw := range map[string]string{
		"a.md": md, "b.md": strings.ReplaceAll(md, "\n", "\r\n"), "c.txt": md, "d.html": page.String(), "e.csv": table.String(), "f.jsonl": records.String(),
	} {
		d, err := extract.File(t.Context(), fstest.MapFS{name: {Data: []byte(raw)}}, name, extract.Options{})
		if err != nil {
			t.Fatal(err)
		}
		passages := cut(d, name)
		if len(passages) < 5 {
			t.Errorf("%s: %d passages prove nothing", name, len(passages))
		}
		for _, p := range passages {
			if p.Start < 0 || p.End > int64(len(raw)) || p.Start >= p.End {
				t.Fatalf("%s passage %d: bytes %d to %d of %d", name, p.N, p.Start, p.End, len(raw))
			}
			held := plainWords(raw[p.Start:p.End] + " " + html.UnescapeString(raw[p.Start:p.End]))
			for _, w := range strings.Fields(plainWords(p.Text)) {
				if !strings.Contains(held, w) && !strings.Contains("plante mois note", w) {
					t.Errorf("%s: %q is not in the bytes %d to %d: %.80q", name, w, p.Start, p.End, raw[p.Start:p.End])
					break
				}
			}
		}
	}
}

// plainWords is text without marks and case, as words between spaces.
func plainWords(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return ' '
	}, s)
}
