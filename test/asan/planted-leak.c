#include <criterion/criterion.h>
#include <stdlib.h>

/* Volatile, so that no optimiser sees that nobody wants the memory. */
static void *volatile planted;

Test(planted, leak)
{
	planted = malloc(16);
	planted = NULL;
}
