package web

import (
	"net/http"
	"strings"

	"savoirs/node/words"
)

// langCookie keeps the language a person chose; it beats what the browser says.
const langCookie = "lang"

// pack is the words for a request: those chosen now, chosen before, wished by
// the browser, or usual here. A choice made now is kept for a year.
func (s *site) pack(w http.ResponseWriter, r *http.Request) words.Pack {
	if lang := words.Match(r.URL.Query().Get("lang")); lang != "" {
		http.SetCookie(w, &http.Cookie{
			Name: langCookie, Value: lang, Path: "/", MaxAge: 365 * 24 * 3600, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		})
		return s.packs[lang]
	}
	if c, err := r.Cookie(langCookie); err == nil {
		if lang := words.Match(c.Value); lang != "" {
			return s.packs[lang]
		}
	}
	for wish := range strings.SplitSeq(r.Header.Get("Accept-Language"), ",") {
		tag, _, _ := strings.Cut(wish, ";")
		if lang := words.Match(strings.TrimSpace(tag)); lang != "" {
			return s.packs[lang]
		}
	}
	if lang := words.Match(s.o.Lang); lang != "" {
		return s.packs[lang]
	}
	return s.packs[words.Source]
}

// language is a choice of the page's footer.
type language struct {
	Lang, Name string
	Current    bool
}

func (s *site) languages(current string) []language {
	var all []language
	for _, lang := range words.Langs() {
		all = append(all, language{lang, s.packs[lang].Say("web.self"), lang == current})
	}
	return all
}
