#include "backend/reward/math/calcium_program.h"

#include <ca.h>
#include <ca_vec.h>

static void evaluateRoot(ca_t x, long degree, ca_ctx_t context)
{
    int isNegative = 0;
    fmpq_t exponent;
    if (degree == 2) {
        ca_sqrt(x, x, context);
        return;
    }
    if (degree % 2 == 1)
        isNegative = ca_check_is_real(x, context) == T_TRUE && ca_check_is_negative_real(x, context) == T_TRUE;
    if (isNegative)
        ca_neg(x, x, context);
    fmpq_init(exponent);
    fmpq_set_si(exponent, 1, (ulong)degree);
    ca_pow_fmpq(x, x, exponent, context);
    fmpq_clear(exponent);
    if (isNegative)
        ca_neg(x, x, context);
}

static void evaluateUnary(ca_t x, const MidpointFieldStep* step, ca_ctx_t context)
{
    ca_t other;
    switch (step->operation) {
    case MIDPOINT_FIELD_INTEGER_POWER:
        ca_pow_si(x, x, step->integer, context);
        break;
    case MIDPOINT_FIELD_ROOT:
        evaluateRoot(x, step->integer, context);
        break;
    case MIDPOINT_FIELD_NEGATE:
        ca_neg(x, x, context);
        break;
    case MIDPOINT_FIELD_LOG:
        ca_log(x, x, context);
        break;
    case MIDPOINT_FIELD_EXP:
        ca_exp(x, x, context);
        break;
    case MIDPOINT_FIELD_SIN:
    case MIDPOINT_FIELD_COS:
        ca_init(other, context);
        if (step->operation == MIDPOINT_FIELD_SIN)
            ca_sin_cos(x, other, x, context);
        else
            ca_sin_cos(other, x, x, context);
        ca_clear(other, context);
        break;
    case MIDPOINT_FIELD_TAN:
        ca_tan(x, x, context);
        break;
    case MIDPOINT_FIELD_COT:
        ca_cot(x, x, context);
        break;
    case MIDPOINT_FIELD_ASIN:
        ca_asin(x, x, context);
        break;
    case MIDPOINT_FIELD_ACOS:
        ca_acos(x, x, context);
        break;
    case MIDPOINT_FIELD_ATAN:
        ca_atan(x, x, context);
        break;
    case MIDPOINT_FIELD_ABS:
        ca_abs(x, x, context);
        break;
    case MIDPOINT_FIELD_FLOOR:
        ca_floor(x, x, context);
        break;
    default:
        ca_ceil(x, x, context);
        break;
    }
}

/* Returns the number of values on the stack, or 0 if the program is not well-formed. */
static long push(ca_ptr stack, long size, const MidpointFieldStep* step, ca_ctx_t context)
{
    switch (step->operation) {
    case MIDPOINT_FIELD_NUMBER:
        ca_set_fmpq(stack + size, step->value, context);
        return size + 1;
    case MIDPOINT_FIELD_PI:
        ca_pi(stack + size, context);
        return size + 1;
    case MIDPOINT_FIELD_I:
        ca_i(stack + size, context);
        return size + 1;
    case MIDPOINT_FIELD_E:
        ca_one(stack + size, context);
        ca_exp(stack + size, stack + size, context);
        return size + 1;
    case MIDPOINT_FIELD_ADD:
    case MIDPOINT_FIELD_MULTIPLY:
    case MIDPOINT_FIELD_DIVIDE:
    case MIDPOINT_FIELD_POWER:
        break;
    default:
        if (size < 1)
            return 0;
        evaluateUnary(stack + size - 1, step, context);
        return size;
    }
    if (size < 2)
        return 0;
    if (step->operation == MIDPOINT_FIELD_ADD)
        ca_add(stack + size - 2, stack + size - 2, stack + size - 1, context);
    else if (step->operation == MIDPOINT_FIELD_MULTIPLY)
        ca_mul(stack + size - 2, stack + size - 2, stack + size - 1, context);
    else if (step->operation == MIDPOINT_FIELD_DIVIDE)
        ca_div(stack + size - 2, stack + size - 2, stack + size - 1, context);
    else
        ca_pow(stack + size - 2, stack + size - 2, stack + size - 1, context);
    return size - 1;
}

static int evaluate(ca_t out, const MidpointFieldStep* steps, long length, ca_ctx_t context)
{
    ca_ptr stack = _ca_vec_init(length, context);
    long size = 0;
    long i;
    for (i = 0; i < length; ++i) {
        size = push(stack, size, steps + i, context);
        if (size == 0)
            break;
    }
    if (size == 1)
        ca_set(out, stack, context);
    _ca_vec_clear(stack, length, context);
    return size == 1;
}

int midpointFieldCompare(const MidpointFieldStep* a, long lengthA, const MidpointFieldStep* b, long lengthB)
{
    ca_ctx_t context;
    ca_t x, y;
    truth_t isEqual = T_UNKNOWN;
    ca_ctx_init(context);
    context->options[CA_OPT_PREC_LIMIT] = 2048; /* bits */
    context->options[CA_OPT_QQBAR_DEG_LIMIT] = 64;
    context->options[CA_OPT_POW_LIMIT] = 64;
    ca_init(x, context);
    ca_init(y, context);
    if (evaluate(x, a, lengthA, context) && evaluate(y, b, lengthB, context))
        /* 1/0 and 2/0 are the same infinity to Calcium, and no answers to us. */
        if (ca_check_is_number(x, context) == T_TRUE && ca_check_is_number(y, context) == T_TRUE)
            isEqual = ca_check_equal(x, y, context);
    ca_clear(x, context);
    ca_clear(y, context);
    ca_ctx_clear(context);
    return isEqual == T_TRUE ? 1 : isEqual == T_FALSE ? 0 : -1;
}
