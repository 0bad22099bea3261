/* A constant as a postfix program, evaluated in the fields of Calcium. In C, because Calcium's headers are C that C++
   compilers refuse. Used by calcium_field.cpp alone. */
#pragma once

#include <flint/fmpq.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    MIDPOINT_FIELD_NUMBER, /* pushes *value */
    MIDPOINT_FIELD_PI,
    MIDPOINT_FIELD_E,
    MIDPOINT_FIELD_I,
    MIDPOINT_FIELD_ADD, /* pops two, pushes one */
    MIDPOINT_FIELD_MULTIPLY,
    MIDPOINT_FIELD_DIVIDE,
    MIDPOINT_FIELD_POWER,
    MIDPOINT_FIELD_INTEGER_POWER, /* exponent: integer */
    MIDPOINT_FIELD_ROOT,          /* degree: integer; odd roots of negative numbers are real */
    MIDPOINT_FIELD_NEGATE,
    MIDPOINT_FIELD_LOG,
    MIDPOINT_FIELD_EXP,
    MIDPOINT_FIELD_SIN,
    MIDPOINT_FIELD_COS,
    MIDPOINT_FIELD_TAN,
    MIDPOINT_FIELD_COT,
    MIDPOINT_FIELD_ASIN,
    MIDPOINT_FIELD_ACOS,
    MIDPOINT_FIELD_ATAN,
    MIDPOINT_FIELD_ABS,
    MIDPOINT_FIELD_FLOOR,
    MIDPOINT_FIELD_CEIL
} MidpointFieldOperation;

typedef struct {
    MidpointFieldOperation operation;
    long integer;
    const fmpq* value;
} MidpointFieldStep;

/* 1: the two programs have equal values, 0: different ones, -1: not decided. Both answers are proofs. */
int midpointFieldCompare(const MidpointFieldStep* a, long lengthA, const MidpointFieldStep* b, long lengthB);

#ifdef __cplusplus
}
#endif
