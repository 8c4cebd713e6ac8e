package rag

import "testing"

func TestLanguageTagsAreReducedAndCreolesKeptApart(t *testing.T) {
	for tag, want := range map[string]string{"fr": "fr", "fr-FR": "fr", "FRA": "fr", "en_US": "en", "spa": "es", "hat": "ht", "ht": "ht",
		"gcf": "gcf", "pt-BR": "pt", "und": "", "": "", "klingon": "", "f": "", "é": ""} {
		if got := languageTag(tag); got != want {
			t.Errorf("%q became %q, want %q", tag, got, want)
		}
	}
}

func TestShortTextsHaveNoDetectedLanguage(t *testing.T) {
	if got := detectLanguage("Que faire avant l'arrivée d'un cyclone ?"); got != "" {
		t.Errorf("detected %q", got)
	}
}

func TestAFewWordsOfCreoleAreKnownByTheirFirst(t *testing.T) {
	for text, want := range map[string]string{"Ki jou mache a louvri?": "ht", "Ki pri dola jodi a?": "ht", "Ki pri a dola jòdi-la ?": "gcf", "Is a cat a dog?": "en"} {
		if got := questionLanguage(text); got != want {
			t.Errorf("%q is taken for %q, want %q", text, got, want)
		}
	}
}
