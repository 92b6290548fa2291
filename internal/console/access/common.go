package access

import (
	"strings"
	"unicode"
)

// commonWords are the words that bad passwords are made of. With the rules of
// commonPassword they stand for a list of some hundred thousand: each word and
// each pair, with digits, years, signs and keyboard runs around and between,
// and letters written as digits. A list of whole passwords would miss
// most of those of twelve characters and more.
const commonWords = `password passwort passphrase passwd passw pass word motdepasse contrasena senha parola haslo salasana
secret geheim admin administrator root toor user username test testing tester guest login logon signin welcome willkommen
bienvenue hello letmein changeme change default temp temporary master system server service manager support operator
super superuser superman batman spiderman ironman starwars pokemon naruto matrix hacker security secure firewall network
cisco paloalto panos fortinet juniper mirrorwall sensor console monitor cloud amazon oracle google facebook microsoft
windows linux ubuntu apple iphone samsung android computer internet database mysql postgres
iloveyou love lovely loveme sunshine princess prince queen king dragon monkey shadow football baseball basketball soccer
hockey golf tennis michael jennifer jordan thomas charlie daniel robert andrew jessica ashley nicole hunter ranger
summer winter spring autumn fall monday tuesday wednesday thursday friday saturday sunday january february march april
may june july august september october november december freedom whatever trustno trust nobody nothing something
flower butterfly chocolate cookie cheese banana orange purple yellow green black white silver golden diamond
liverpool arsenal chelsea barcelona london paris berlin america england germany france canada australia company
corporate office business mustang ferrari porsche mercedes harley yamaha killer pepper ginger maggie buddy tigger
the is my me i you our this for in on a an and we it new old good best please open access enter account private
correct horse battery staple blink secretpassword team work home house family baby angel jesus christ god heaven`

// runs are rows along which fingers and alphabets run, forwards and backwards.
const keyRuns = `abcdefghijklmnopqrstuvwxyz qwertyuiop asdfghjkl zxcvbnm qwertzuiop yxcvbnm azertyuiop qsdfghjklm wxcvbn
1234567890 01234567890123456789 1q2w3e4r5t6y7u8i9o0p qazwsxedcrfvtgbyhnujmikolp 1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol
q1w2e3r4t5y6u7i8o9p0 zaq1xsw2cde3vfr4bgt5nhy6mju7 !@#$%^&*() qweasdzxc qweasd asdqwe 11223344556677889900 112233 123321`

// commonPassword reports whether a password is made of at most two common words
// with trivial things around them, is a run of keys, or repeats a short piece.
func commonPassword(password string) bool {
	low := strings.ToLower(password)
	if repeats(low) {
		return true
	}
	words := map[string]bool{}
	for _, w := range strings.Fields(commonWords) {
		words[w] = true
	}
	var rows []string
	for _, r := range strings.Fields(keyRuns) {
		rows = append(rows, r, reverse(r))
	}
	for _, as := range []string{"", "0o1l3e4a5s7t8b@a$s!i", "0o1i3e4a5s7t9g@a$s!l"} {
		if tiled(low, plain(low, as), words, rows) {
			return true
		}
	}
	return false
}

// plain replaces each sign by the letter after it in as.
func plain(s, as string) string {
	var pairs []string
	for i := 0; i+1 < len(as); i += 2 {
		pairs = append(pairs, as[i:i+1], as[i+1:i+2])
	}
	return strings.NewReplacer(pairs...).Replace(s)
}

// tiled reports whether pieces cover the whole password: words of letters (two
// at most), runs of four or more of rows, digits up to four in a row, signs.
// raw and letters are the password before and after letters were put for signs;
// they have the same length.
func tiled(raw, letters string, words map[string]bool, rows []string) bool {
	const limit = 2
	n := len(raw)
	cost := make([]int, n+1) // least number of words that cover the first i bytes
	for i := 1; i <= n; i++ {
		cost[i] = limit + 1
		for j := max(0, i-24); j < i; j++ {
			c := cost[j]
			switch piece := raw[j:i]; {
			case words[letters[j:i]] || words[piece]:
				c++
			case i-j >= 4 && onRow(piece, rows), trivial(piece):
			default:
				continue
			}
			cost[i] = min(cost[i], c)
		}
	}
	return cost[n] <= limit
}

func onRow(s string, rows []string) bool {
	for _, r := range rows {
		if strings.Contains(r, s) {
			return true
		}
	}
	return false
}

// trivial is up to four ASCII digits, or signs.
func trivial(s string) bool {
	digits, signs := 0, 0
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case r < 128 && !unicode.IsLetter(r):
			signs++
		default:
			return false
		}
	}
	return digits <= 4 && (digits == 0 || signs == 0)
}

// repeats reports whether the password is one piece of up to six bytes over and
// over, or has fewer than five different characters.
func repeats(s string) bool {
	different := map[rune]bool{}
	for _, r := range s {
		different[r] = true
	}
	if len(different) < 5 {
		return true
	}
	for n := 1; n <= min(6, len(s)/2); n++ {
		if strings.HasPrefix(strings.Repeat(s[:n], len(s)/n+1), s) {
			return true
		}
	}
	return false
}

func reverse(s string) string {
	b := []byte(s)
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return string(b)
}
