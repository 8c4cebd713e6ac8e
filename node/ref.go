package node

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"savoirs/store/catalog"
)

// ErrNotFound says that a reference names nothing here nor in the catalogue.
var ErrNotFound = errors.New("not found")

// AmbiguousError says that a reference names several items; a person chooses.
type AmbiguousError struct {
	Ref     string
	Choices []string // references that name one item each
}

func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("%q could be %s", e.Ref, strings.Join(e.Choices, ", "))
}

// minRootPrefix is how much of a CID names an item on its own: enough to be
// unlike a title, short enough to type.
const minRootPrefix = 10

// Slug is the form of a title that people type: lower case, without accents,
// words joined by hyphens. "Bibliothèque du village" is bibliotheque-du-village.
func Slug(title string) string {
	var b strings.Builder
	for _, r := range norm.NFD.String(strings.ToLower(title)) {
		switch {
		case unicode.Is(unicode.Mn, r):
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	return strings.TrimSuffix(b.String(), "-")
}

// authorTail is the end of an author's identity, in the form of a Slug.
func authorTail(it Item) string {
	return strings.ToLower(it.Author[max(0, len(it.Author)-8):])
}

// resolve finds the one item that ref names among all: a root CID or a
// beginning of it, a title, title@territory, or title@ and the last eight
// letters of its author's identity. What is on this machine wins
// over what is only offered.
func resolve(items []Item, ref string) (Item, error) {
	name, territory, _ := strings.Cut(ref, "@")
	slug, place := Slug(name), Slug(territory)
	var found []Item
	for _, it := range items {
		switch {
		case it.Root == ref:
			return it, nil
		case len(ref) >= minRootPrefix && strings.HasPrefix(it.Root, ref),
			slug != "" && it.Kind != string(catalog.Pack) && Slug(it.Title) == slug && (place == "" || Slug(it.Territory) == place || place == authorTail(it)):
			found = append(found, it)
		}
	}
	here := found[:0:0]
	for _, it := range found {
		if it.Here {
			here = append(here, it)
		}
	}
	if len(here) == 1 {
		return here[0], nil
	}
	switch len(found) {
	case 0:
		return Item{}, fmt.Errorf("%q: %w", ref, ErrNotFound)
	case 1:
		return found[0], nil
	}
	e := &AmbiguousError{Ref: ref}
	for _, it := range found {
		e.Choices = append(e.Choices, it.Ref)
	}
	return Item{}, e
}

// name gives every item the shortest reference that names it alone: its slug,
// else slug@territory, else slug@ and the end of its author's identity, else its
// root.
func name(items []Item) {
	slugs, places, authors := map[string]int{}, map[string]int{}, map[string]int{}
	for _, it := range items {
		if it.Kind == string(catalog.Pack) {
			continue
		}
		slugs[Slug(it.Title)]++
		places[Slug(it.Title)+"@"+Slug(it.Territory)]++
		authors[Slug(it.Title)+"@"+authorTail(it)]++
	}
	for i := range items {
		it := &items[i]
		slug, place := Slug(it.Title), Slug(it.Territory)
		switch {
		case it.Kind == string(catalog.Pack): // its title is that of its dataset
			it.Ref = it.Root
		case slug != "" && slugs[slug] == 1:
			it.Ref = slug
		case slug != "" && place != "" && places[slug+"@"+place] == 1:
			it.Ref = slug + "@" + place
		case slug != "" && it.Author != "" && authors[slug+"@"+authorTail(*it)] == 1 && places[slug+"@"+authorTail(*it)] == 0:
			it.Ref = slug + "@" + authorTail(*it)
		default:
			it.Ref = it.Root
		}
	}
}
