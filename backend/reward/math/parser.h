// The recursive-descent parser behind readAnswer. Private to this folder. Grammar, loosest first:
//
//   answer     = statement { (","|";"|"and"|"or") statement }
//   statement  = sets { relation sets }
//   sets       = ratio { ("cup"|"cap"|"setminus") ratio }
//   ratio      = residue { (":"|"to") residue }
//   residue    = sum [ "mod" product ]
//   sum        = [sign] product { sign product }
//   product    = factor { ["*"|"/"] factor }        juxtaposition multiplies; a whole number and a fraction add
//   factor     = primary { "!" | "%" | degree | "'" | "^" factor | "_" subscript }
#pragma once

#include "backend/reward/math/reader.h"

#include <optional>

namespace midpoint::reward::math {

class Parser {
public:
    Parser(std::vector<Token> tokens, const ReadLimits& limits);

    Expression parseAll(); // throws Unreadable if something is left over

private:
    // parser_structures.cpp
    Expression parseAnswer();
    Expression parseStatement();
    Expression parseSets();
    Expression parseRatio();
    Expression parseResidue();
    Expression withModulus(Expression statement, bool isCongruence);
    bool isModulusAhead() const; // "\pmod" or "(mod"
    Expression parseBracket();
    Expression parseSetBraces(bool isEscaped);
    Expression finishSet(Expression first);
    Expression parseEnvironment();
    Expression parseMatrix(const std::string& environment);
    char relationAhead() const; // operator character of Relation, or 0
    bool isSeparatorAhead() const;
    bool braceIsSet() const;
    bool isWordAhead(std::string_view lowerCase, std::size_t ahead = 0) const;

    // parser_scalars.cpp
    Expression parseSum();
    Expression parseProduct();
    Expression parseUnary();
    Expression parseFactor();
    Expression parsePrimary();
    Expression parseNumber();
    Expression parseLetter();
    Expression parseCommand();
    Expression parseNamedConstant(const std::string& name);
    Expression parseFraction();
    Expression parseRoot();
    Expression parseBinomial();
    Expression parseSeries(const std::string& name);
    Expression parseFunction(const std::string& name);
    Expression parseFunctionArgument();
    Expression parseArgument(); // one {...} group, digit, letter or command
    Expression parseGroup();    // {...}
    Expression parseDelimited(std::string_view open, std::string_view close, std::string_view functionName);
    Expression parseAbsolute();
    Expression parsePower(Expression base);
    Expression parseSubscript(Expression base);
    std::string subscriptText();
    Expression parseAngle(Expression degrees);
    std::size_t primesAhead(std::size_t at, std::size_t& end) const;
    bool isTimesLetter() const;
    bool startsFactor() const; // can the next token begin a factor of a product without an operator?
    bool isMixedNumber(const Expression& whole, std::size_t fractionStart, const Expression& fraction) const;

    // parser_words.cpp
    Expression parseWord();
    Expression parseText();
    std::optional<Expression> takeNumberPhrase();
    std::optional<Expression> takeFractionInWords();
    void takeOrdinalSuffix(const std::string& digits);
    std::optional<Expression> takeDigitsWithLetters();
    bool skipUnits(); // words and units after an operand
    bool skipSpeed();
    bool skipUnitFraction();

    // tokens
    const Token& peek(std::size_t ahead = 0) const;
    Token take();
    bool isSign(char c, std::size_t ahead = 0) const;
    bool isCommand(std::string_view name, std::size_t ahead = 0) const;
    bool takeSign(char c);
    void expectSign(char c);

    class DepthGuard;

    std::vector<Token> m_tokens;
    ReadLimits m_limits;
    std::size_t m_at = 0;
    int m_depth = 0;
    int m_openBars = 0;         // |...| being read
    bool m_colonSeparates = false; // inside {x : ...}
};

} // namespace midpoint::reward::math
