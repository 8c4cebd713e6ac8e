package rag

import (
	"testing"
	"testing/fstest"
)

func TestTheLanguageOfAPassageIsKnownWithoutReadingIt(t *testing.T) {
	x, err := Open(Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	files := fstest.MapFS{
		"a.html": {Data: []byte(`<html lang="fr"><body><p>La citerne se remplit pendant la saison des pluies.</p></body></html>`)},
		"b.html": {Data: []byte(`<html lang="en"><body><p>The cistern is filled during the rainy season.</p></body></html>`)},
	}
	if _, err := x.Add(t.Context(), "both", "", files, nil); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	f := x.sets["both"].passages
	for n := range f.n {
		p, err := f.read(n)
		if err != nil || f.language(n) != p.Lang {
			t.Errorf("passage %d is in %q, and said to be in %q (%v)", n, p.Lang, f.language(n), err)
		}
		seen[p.Lang] = true
	}
	if len(seen) != 2 {
		t.Errorf("languages seen: %v", seen)
	}
}
