package rag

import (
	"testing"

	"savoirs/rag/extract"
)

func TestWhetherADocumentSaysWhatAPassageSays(t *testing.T) {
	doc := "# Jardin\n\nL'igname se plante en **mars**, dans une [terre](sol.md) meuble et bien fumée.\n"
	p := func(name, text string) Passage { return Passage{Doc: name, Text: text} }
	const honest = "L'igname se plante en mars, dans une terre meuble et bien fumée."
	if got := p("jardin.md", honest).InBytes([]byte(doc)); got != Says {
		t.Errorf("in the bytes: %d", got)
	}
	if got := p("jardin.pdf", honest).InBytes([]byte(doc)); got != Unsure {
		t.Errorf("in bytes that are not text: %d", got)
	}
	for text, want := range map[string]Finding{
		honest: Says,
		"L'igname se plante en août, dans une terre meuble et bien fumée.":        Unsure, // another reading could not make it so, but few words tell
		"Le trésor du pirate est enterré sous le grand fromager, près du rivage.": Lacks,
	} {
		if got := p("jardin.md", text).InDocument(t.Context(), []byte(doc), extract.Options{}); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}
