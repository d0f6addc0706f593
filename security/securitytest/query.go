package securitytest

import (
	"strconv"
	"strings"
)

// The query language of the QueryString parameter:
//
//	query := term { ("AND" | "OR") term }
//	term  := "(" query ")" | field operator value
//	value := '"' text '"' | integer | true | false | NULL
//
// Words are read in any case. AND binds tighter than OR: no source states a precedence. There is no way to write a
// double quote inside a text.

// tokenKind tells what a token is.
type tokenKind int

const (
	tokenEnd tokenKind = iota
	tokenOpen
	tokenClose
	tokenWord
	tokenText
)

type token struct {
	kind tokenKind
	text string
}

// tokens splits a query.
func tokens(query string) ([]token, error) {
	var result []token
	for i := 0; i < len(query); {
		switch c := query[i]; c {
		case ' ', '\t', '\r', '\n':
			i++
		case '(':
			result = append(result, token{kind: tokenOpen})
			i++
		case ')':
			result = append(result, token{kind: tokenClose})
			i++
		case '"':
			length := strings.IndexByte(query[i+1:], '"')
			if length < 0 {
				return nil, invalid("The query has a quote that does not end.")
			}
			result = append(result, token{tokenText, query[i+1 : i+1+length]})
			i += length + 2
		default:
			end := strings.IndexAny(query[i:], " \t\r\n()\"")
			if end < 0 {
				end = len(query) - i
			}
			result = append(result, token{tokenWord, query[i : i+end]})
			i += end
		}
	}
	return append(result, token{kind: tokenEnd}), nil
}

// parser turns a query into a function that tells whether an item matches.
type parser[T any] struct {
	list   *list[T]
	tokens []token
	depth  int
}

// maxDepth bounds the nesting of parentheses, so that a query cannot exhaust the stack.
const maxDepth = 200

// compile reads a query. For an empty one there is no function: everything matches.
func (l *list[T]) compile(query string) (func(T) bool, error) {
	if query == "" {
		return nil, nil
	}
	split, err := tokens(query)
	if err != nil {
		return nil, err
	}
	p := &parser[T]{list: l, tokens: split}
	matches, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.tokens[0].kind != tokenEnd {
		return nil, invalid("The query goes on after its end: %s.", p.tokens[0].text)
	}
	return matches, nil
}

func (p *parser[T]) next() token {
	t := p.tokens[0]
	if t.kind != tokenEnd {
		p.tokens = p.tokens[1:]
	}
	return t
}

// word consumes the word given, if it comes next.
func (p *parser[T]) word(w string) bool {
	if p.tokens[0].kind == tokenWord && strings.EqualFold(p.tokens[0].text, w) {
		p.next()
		return true
	}
	return false
}

func (p *parser[T]) or() (func(T) bool, error) {
	left, err := p.and()
	if err != nil {
		return nil, err
	}
	for p.word("OR") {
		first := left
		second, err := p.and()
		if err != nil {
			return nil, err
		}
		left = func(item T) bool { return first(item) || second(item) }
	}
	return left, nil
}

func (p *parser[T]) and() (func(T) bool, error) {
	left, err := p.term()
	if err != nil {
		return nil, err
	}
	for p.word("AND") {
		first := left
		second, err := p.term()
		if err != nil {
			return nil, err
		}
		left = func(item T) bool { return first(item) && second(item) }
	}
	return left, nil
}

func (p *parser[T]) term() (func(T) bool, error) {
	t := p.next()
	switch t.kind {
	case tokenOpen:
		if p.depth++; p.depth > maxDepth {
			return nil, invalid("The query is nested too deeply.")
		}
		inner, err := p.or()
		if err != nil {
			return nil, err
		}
		if p.next().kind != tokenClose {
			return nil, invalid("The query has a parenthesis that is not closed.")
		}
		p.depth--
		return inner, nil
	case tokenWord:
		return p.comparison(t.text)
	default:
		return nil, invalid("The query lacks a field name.")
	}
}

func (p *parser[T]) comparison(field string) (func(T) bool, error) {
	c, found := p.list.column(field)
	if !found || !c.filter {
		return nil, invalid("Invalid query field: %s.", field)
	}
	op := p.next()
	operator := strings.ToLower(op.text)
	if op.kind != tokenWord || !strings.HasPrefix(operator, "-") {
		return nil, invalid("The query lacks an operator after %s.", field)
	}
	if c.exact && operator != "-eq" && operator != "-ne" {
		return nil, invalid("%s cannot be compared with %s.", field, operator)
	}
	t := p.next()
	if t.kind == tokenWord && strings.EqualFold(t.text, "NULL") {
		switch operator {
		case "-eq":
			return func(item T) bool { return c.value(item).null }, nil
		case "-ne":
			return func(item T) bool { return !c.value(item).null }, nil
		}
		return nil, invalid("NULL cannot be compared with %s.", operator)
	}
	wanted, err := literal(c.kind, field, t)
	if err != nil {
		return nil, err
	}
	test, found := comparisons[c.kind][operator]
	if !found {
		return nil, invalid("%s cannot be compared with %s.", field, operator)
	}
	return func(item T) bool {
		v := c.value(item)
		if v.null {
			// As in SQL, only the null tests are true of null.
			return false
		}
		v.text = strings.ToLower(v.text)
		return test(v, wanted)
	}, nil
}

// literal reads a value as the kind that the field has.
func literal(kind valueKind, field string, t token) (value, error) {
	switch {
	case kind == text && t.kind == tokenText:
		return value{text: strings.ToLower(t.text)}, nil
	case kind == number && t.kind == tokenWord:
		if n, err := strconv.Atoi(t.text); err == nil {
			return value{number: n}, nil
		}
	case kind == flag && t.kind == tokenWord:
		switch strings.ToLower(t.text) {
		case "true":
			return value{number: 1}, nil
		case "false":
			return value{number: 0}, nil
		}
	}
	return value{}, invalid("The query has no usable value for %s.", field)
}

// comparisons are the operators of each kind of field. Texts come in lower case.
var comparisons = map[valueKind]map[string]func(v, wanted value) bool{
	text: {
		"-eq":          func(v, wanted value) bool { return v.text == wanted.text },
		"-ne":          func(v, wanted value) bool { return v.text != wanted.text },
		"-contains":    func(v, wanted value) bool { return strings.Contains(v.text, wanted.text) },
		"-notcontains": func(v, wanted value) bool { return !strings.Contains(v.text, wanted.text) },
		"-startswith":  func(v, wanted value) bool { return strings.HasPrefix(v.text, wanted.text) },
		"-endswith":    func(v, wanted value) bool { return strings.HasSuffix(v.text, wanted.text) },
	},
	number: {
		"-eq": func(v, wanted value) bool { return v.number == wanted.number },
		"-ne": func(v, wanted value) bool { return v.number != wanted.number },
		"-lt": func(v, wanted value) bool { return v.number < wanted.number },
		"-le": func(v, wanted value) bool { return v.number <= wanted.number },
		"-gt": func(v, wanted value) bool { return v.number > wanted.number },
		"-ge": func(v, wanted value) bool { return v.number >= wanted.number },
	},
	flag: {
		"-eq": func(v, wanted value) bool { return v.number == wanted.number },
		"-ne": func(v, wanted value) bool { return v.number != wanted.number },
	},
}
