package node_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"

	"savoirs/node"
	"savoirs/node/nodetest"
)

func TestAPassageOpensInItsDocument(t *testing.T) {
	n := nodetest.Start(t, 1)[0]
	long := strings.Repeat("Une ligne de remplissage, pour faire un long carnet de jardin.\n\n", 400)
	latin, err := charmap.Windows1252.NewEncoder().String("Le gombo se sème en avril à l'abri, près de la mare. Il aime l'été très sec.\n")
	if err != nil {
		t.Fatal(err)
	}
	it := add(t, n, "Carnet", map[string]string{
		"igname.md":  long + "# L'igname\n\nL'igname jaune se plante en mars, sur des *billons*.\n\n" + long,
		"gombo.txt":  latin,
		"page.html":  "<h1>Le manioc</h1><p>Le manioc amer se râpe et se presse.</p><script>x()</script>",
		"notes.csv":  "plante,mois\ncristophine,mai\npapaye,juin\n",
		"perdu.jpeg": "x",
	})
	for _, c := range []struct {
		question, marked string
		exact            bool
	}{
		{"quand planter l'igname jaune", "L'igname jaune se plante en mars, sur des *billons*.", true},
		{"quand semer le gombo", "Le gombo se sème en avril à l'abri, près de la mare. Il aime l'été très sec.", false},
		{"manioc amer râpe", "Le manioc amer se râpe et se presse.", false},
		{"cristophine", "cristophine,mai", true},
	} {
		r, err := n.Search(t.Context(), node.Question{Text: c.question, Mode: "lexical"})
		if err != nil || len(r.Hits) == 0 {
			t.Fatalf("%s: %v, %v", c.question, r.Hits, err)
		}
		p := r.Hits[0].Passage
		o, err := n.OpenPassage(t.Context(), p.Set, p.N, true)
		if err != nil {
			t.Fatal(err)
		}
		if o.Exact != c.exact || !strings.Contains(o.Marked, c.marked) || len(o.Marked) > 1200 {
			t.Errorf("%s: exact %v, marked %q", c.question, o.Exact, o.Marked)
		}
		if o.Dataset != "Carnet" || !o.File {
			t.Errorf("%s: opened %+v", c.question, o)
		}
		if p.Doc == "igname.md" && (len(o.Before) < 1000 || len(o.After) < 1000 || len(o.Before)+len(o.After) > 9000 || o.Starts || o.Ends || !strings.HasSuffix(o.Before, "# L'igname\n\n")) {
			t.Errorf("around: %q … %q", o.Before, o.After)
		}
	}
	f, err := n.OpenDocument(t.Context(), it.Root, "page.html", true)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, ok := f.(io.ReadSeeker); !ok {
		t.Error("a large document would be read whole")
	}
}

func TestAPrivateDocumentOpensAtHomeOnlyAndAPublishedOneForAll(t *testing.T) {
	n := nodetest.Start(t, 1)[0]
	secret := add(t, n, "Registre", map[string]string{"registre.md": "# Registre\n\nLe dossier de Madame Zéphirin est confidentiel.\n"})
	public := publish(t, n, "Jardin", garden)
	doc := ""
	for name := range garden {
		doc = name
	}
	if _, err := n.OpenPassage(t.Context(), secret.Root, 0, false); !errors.Is(err, node.ErrKeptHome) {
		t.Errorf("a private passage from elsewhere: %v", err)
	}
	if _, err := n.OpenDocument(t.Context(), secret.Root, "registre.md", false); !errors.Is(err, node.ErrKeptHome) {
		t.Errorf("a private document from elsewhere: %v", err)
	}
	if _, err := n.OpenPassage(t.Context(), public.Root, 0, false); err != nil {
		t.Errorf("a published passage: %v", err)
	}
	f, err := n.OpenDocument(t.Context(), public.Root, doc, false)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	for _, name := range []string{"../x", "/etc/passwd", "none.md", ".", ""} {
		if _, err := n.OpenDocument(t.Context(), public.Root, name, true); !errors.Is(err, node.ErrNotFound) {
			t.Errorf("%q: %v", name, err)
		}
	}
	for root, number := range map[string]int{public.Root: 1 << 30, "nonsense": 0, secret.Root: -1} {
		if _, err := n.OpenPassage(t.Context(), root, number, true); !errors.Is(err, node.ErrNotFound) {
			t.Errorf("passage %d of %s: %v", number, root, err)
		}
	}
}
