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
